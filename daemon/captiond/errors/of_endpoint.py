"""The endpoint's fault, or what may be the file's as well: tried again later."""

from __future__ import annotations

from captiond.errors.failure import Failure, Fault

# --- the file's or the endpoint's


class ServerError(Failure):
    """The endpoint failed on this request."""

    code, fault = "server_error", Fault.PASSING
    remedy = "look into the endpoint's log; `captiond retry --all` when it is well"


class CallTimeout(Failure):
    """The endpoint did not finish its answer within `timeout_seconds`."""

    code, fault = "timeout", Fault.PASSING
    remedy = "raise `timeout_seconds`, or lower `concurrency`, of the endpoint"


class BadResponse(Failure):
    """What the endpoint sent is not an answer of the chat completions protocol."""

    code, fault = "bad_response", Fault.PASSING
    remedy = "check the endpoint's `base_url` (most end in /v1): something else answers there"


# --- the endpoint's


class NoKey(Failure):
    """No API key was found for the endpoint."""

    code, fault = "no_key", Fault.ENDPOINT
    remedy = (
        "set the variable that `api_key_env` names, or `api_key_file`, or the systemd credential api-key; then restart"
    )


class Unauthorized(Failure):
    """The endpoint does not accept the API key (401)."""

    code, fault = "unauthorized", Fault.ENDPOINT
    remedy = "give the right key, then restart; the queue waits"


class PaymentRequired(Failure):
    """The endpoint wants payment (402)."""

    code, fault = "payment_required", Fault.ENDPOINT
    remedy = "add credit at the provider; the queue waits and goes on by itself"


class Forbidden(Failure):
    """The endpoint does not allow this key to use the model (403)."""

    code, fault = "forbidden", Fault.ENDPOINT
    remedy = "check the key's rights and the model's name; the queue waits"


class NotFound(Failure):
    """The endpoint does not know the model or the address (404)."""

    code, fault = "not_found", Fault.ENDPOINT
    remedy = "check `base_url` and `model`; the queue waits"


class NoImages(Failure):
    """The endpoint's model takes no images."""

    code, fault = "no_images", Fault.ENDPOINT
    remedy = (
        "choose another `model` (`captiond models --kind image` lists them), or set the endpoint's `image` to on if it does; "
        "the queue waits"
    )


class RateLimited(Failure):
    """The endpoint asks to slow down (429)."""

    code, fault = "rate_limited", Fault.ENDPOINT
    remedy = "nothing: it goes on by itself; lower `concurrency` if it happens often"


class QuotaUsedUp(Failure):
    """The endpoint's quota for the day, the week or the month is used up."""

    code, fault = "quota_exhausted", Fault.ENDPOINT
    remedy = "nothing: it goes on by itself when the quota begins anew; or raise the quota at the provider"


class Unavailable(Failure):
    """The endpoint can't be reached, or says that it is not available."""

    code, fault = "unavailable", Fault.ENDPOINT
    remedy = "check that it runs and that `base_url` is right; the queue waits and goes on by itself"


class Asleep(Unavailable):
    """The model is asleep, and has to be woken before it answers."""

    code, fault = "asleep", Fault.ENDPOINT
    remedy = "nothing: captiond asks for it to be woken, and goes on by itself; that may take some minutes"


class Redirected(Failure):
    """The endpoint redirects elsewhere; pictures are not sent to other hosts."""

    code, fault = "redirected", Fault.ENDPOINT
    remedy = "set `base_url` to the address it redirects to, if you trust it"
