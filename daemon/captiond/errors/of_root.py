"""The fault of the root, the machine or the time: the job waits, and pays no attempt."""

from __future__ import annotations

from captiond.errors.failure import Failure, Fault


class RootOffline(Failure):
    """The file's root is away."""

    code, fault = "root_offline", Fault.ROOT
    remedy = "mount it; its files go on by themselves"


class Changed(Failure):
    """The file changed while it was read."""

    code, fault = "changed", Fault.ROOT
    remedy = "nothing: it is read again when it is quiet"


class Vanished(Failure):
    """The file is gone."""

    code, fault = "vanished", Fault.ROOT
    remedy = "nothing: it is marked absent"


class NoDecoder(Failure):
    """No decoder process can be started."""

    code, fault = "no_decoder", Fault.ROOT
    remedy = (
        "free memory, or raise the unit's `TasksMax` or `LimitNOFILE`; if captiond was installed anew while it ran, restart "
        "it; the queue waits and goes on by itself"
    )


class NoResources(Failure):
    """The machine has no memory or open file left to read it with."""

    code, fault = "no_resources", Fault.ROOT
    remedy = "free memory, or raise the unit's `LimitNOFILE`; it goes on by itself"


class Waiting(Failure):
    """It was ready to be asked about, and its endpoint is paused or its budget spent."""

    code, fault = "waiting", Fault.ROOT
    remedy = "nothing: it goes on by itself; `captiond status` says why it waits, and until when"


class Stopped(Failure):
    """The service stopped before the call ended."""

    code, fault = "stopped", Fault.ROOT
    remedy = "nothing: it is done after the next start"
