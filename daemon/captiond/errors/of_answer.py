"""The answer is there, was paid for, and can't be used."""

from __future__ import annotations

from captiond.errors.failure import Failure, Fault


class EmptyAnswer(Failure):
    """The endpoint answered with no text."""

    code, fault, tries = "empty_answer", Fault.ANSWER, 3
    remedy = "raise the recipe's `max_tokens` if the model reasons first; try another model"


class CutAnswer(Failure):
    """The answer was cut at `max_tokens`."""

    code, fault, tries = "cut_answer", Fault.ANSWER, 2
    remedy = "raise the recipe's `max_tokens`, or ask for less, then `captiond retry --all`"


class Refused(Failure):
    """The model refused to describe this."""

    code, fault, tries, quotes = "refused", Fault.ANSWER, 2, True
    remedy = "change the prompt, or try another model, then `captiond retry PATH`"


class LoopedAnswer(Failure):
    """The model repeated itself until its answer ended."""

    code, fault, tries, quotes = "looped_answer", Fault.ANSWER, 2, True
    remedy = (
        "set the recipe's `temperature` higher or `frequency_penalty` in its `extra_body`, or try another model, "
        "then `captiond retry PATH`"
    )


class WrongLanguage(Failure):
    """The answer is in another language than the recipe's `language`."""

    code, fault, tries, quotes = "wrong_language", Fault.ANSWER, 2, True
    remedy = (
        "write the prompt in that language, or try another model; leave `language` out if any will do; "
        "then `captiond retry PATH`"
    )


class NotACategory(Failure):
    """The answer is none of the recipe's categories."""

    code, fault, tries, quotes = "not_a_category", Fault.ANSWER, 3, True
    remedy = 'add a category such as "other" to the recipe, or say in the prompt what each means'


class BadFields(Failure):
    """The answer is not the JSON object that the recipe's `fields` ask for."""

    code, fault, tries, quotes = "bad_fields", Fault.ANSWER, 3, True
    remedy = "try another model, or fewer fields"
