"""A model's visible answer: what it wrote, less its reasoning and the tokens of its chat template."""

from __future__ import annotations

import re

from captiond.recipes.text import valid

_NAMES = r"(?:think|thinking|thought|thoughts|reasoning|reflection|analysis|scratchpad|seed:think)"
_REASONING = re.compile(
    rf"<(?P<close>/?){_NAMES}>"
    r"|◁(?P<close_kimi>/?)think▷"  # Kimi-VL
    r"|\[(?P<close_mistral>/?)THINK\]"  # Magistral
    r"|<\|(?:begin|(?P<close_solution>end))_of_thought\|>"  # models trained on open reasoning data
    r"|<\|(?:START|(?P<close_cohere>END))_THINKING\|>"  # Cohere
    r"|<unused94>thought|(?P<close_unused><unused95>)"  # MedGemma
    r"|<\|channel>thought|(?P<close_gemma><channel\|>)",  # Gemma
    re.IGNORECASE,
)
_CHANNEL = re.compile(r"<\|channel\|>(?P<name>\w+)[^<]*<\|message\|>")
"""The Harmony format: analysis and commentary are no answer, `final` is."""
_ENDS = re.compile(
    r"<\|(?:im_end|eot_id|eom_id|end|return|endoftext|end_of_text|end_of_turn|END_RESPONSE)\|>"
    r"|<end_of_turn>|<end_of_utterance>|<turn\|>|</s>|<eos>|<｜end▁of▁sentence｜>",
    re.IGNORECASE,
)
"""The end of a turn. What a server lets a model write behind it is the next turn, made up."""
_SPECIAL_TOKEN = re.compile(
    r"<\|im_start\|>\s*(?:assistant|model)?\b|<start_of_turn>\s*(?:model)?\b|<\|start_header_id\|>\s*assistant\s*<\|end_header_id\|>"
    r"|<\|[A-Za-z_0-9]{1,40}\|>|<｜[^｜<>]{1,40}｜>|</?s>|<(?:bos|pad|unk|image|video)>|<unused\d+>|\[/?INST\]"
    r"|<loc_?\d+>|<box>[^<]{0,200}</box>|</?(?:ref|phrase|grounding)>",
    re.IGNORECASE,
)
_ROLE = re.compile(r"\s*(?:assistant\s*:\s*|(?:assistant|model)\s*\n+)(?=\S)", re.IGNORECASE)
_ANSWER = re.compile(
    r"\s*<(?P<name>answer|final_answer|final|response|output|caption|description)>(?P<text>.*?)(?:</(?P=name)>\s*)?",
    re.IGNORECASE | re.DOTALL,
)
_TOLD_REASONING = re.compile(
    r"(?:(?:okay|ok|alright|all right|hmm+|so|first|well|got it|let me|let's|now)\b.{0,120}?)?"
    r"\bthe user (?:(?:wants|asks|asked|is asking|has asked|needs|would like|requests) (?:me\b|for (?:a|an|one|the) (?:\w+ ){0,4}"
    r"(?:caption|description|sentence)|(?:a|an|one) (?:\w+ ){0,4}(?:caption|description|sentence))"
    r"|(?:has )?(?:provided|uploaded|shared|sent) (?:an?|this|the) (?:image|picture|photo|video)\b)",
    re.IGNORECASE | re.DOTALL,
)


def visible(text: str) -> str:
    """The text without the model's reasoning and control tokens; empty when there is nothing else.

    A reasoning block that is never closed leaves only what stands before it. One that is closed and never opened
    began in the prompt's template: all before it goes. Text that begins by talking of "the user" is reasoning that a
    server has taken the marks from.
    """
    text = _final_channel(valid(text))
    kept: list[str] = []
    position, reasoning = 0, False
    for tag in _REASONING.finditer(text):
        closing = any(tag.groups())
        if closing and not reasoning:
            kept.clear()
        elif not closing and not reasoning:
            kept.append(text[position : tag.start()])
        reasoning, position = not closing, tag.end()
    if not reasoning:
        kept.append(text[position:])
    text = _first_turn("".join(kept))
    text = _ROLE.sub("", _SPECIAL_TOKEN.sub("", text), count=1) if _ROLE.match(text) else _SPECIAL_TOKEN.sub("", text)
    whole = _ANSWER.fullmatch(text)
    text = (whole["text"] if whole else text).strip()
    return "" if _TOLD_REASONING.match(text) else text


def _final_channel(text: str) -> str:
    """Of a text with channels the last `final` one; nothing when it never came to that."""
    channels = list(_CHANNEL.finditer(text))
    if not channels:
        return text
    final = [channel for channel in channels if channel["name"].lower() == "final"]
    return text[final[-1].end() :] if final else ""


def _first_turn(text: str) -> str:
    """What stands before the first end of a turn that has anything before it."""
    return next((turn for turn in _ENDS.split(text) if turn.strip()), "")
