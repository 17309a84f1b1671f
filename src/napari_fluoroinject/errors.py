"""Every error this package raises on purpose, drawn as a tree.

* FluoroinjectError
  x UnreadableObjectError      a file or object that cannot be read as a cine loop
  x UncalibratedError          millimetres were asked of a loop that has no calibration
  x ProcedureError             an unknown procedure key, or a procedure file that is not valid
  x AnnotationError            marks of a person that cannot be used
  x PresentationError          a presentation state that cannot be used on a loop
  x AnalysisError              a loop that can be read but not analysed
  x BackendUnavailableError    the compute backend that was asked for is not there
  x BackendFailedError         the device ran out of memory or failed in the middle of the work
  x PhantomError               a synthetic scene that does not exist
  x SettingsError              a configuration that is not valid
  x IdentityMismatchError      a result would have gone into a study it does not come from
  x EncodingError              a result that could not be written as DICOM
  x StorageError               bytes that could not be kept durably
    + ConflictError            the same UID with other content
  x EndpointError              the other side of a connection
    + TooManyError             more answers than are taken, or than the peer gives
    + UnreachableError         nobody answers there
    + RefusedError             the peer answered, and refused
      - NotTakenError          the peer takes no object of this class or transfer syntax
"""

from __future__ import annotations


class FluoroinjectError(Exception):
    """Root of the tree: catch this to catch everything raised on purpose."""


class UnreadableObjectError(FluoroinjectError):
    """A file or object that cannot be read as a cine loop.

    Parameters
    ----------
    source
        Name of the file or object.
    seen
        What was found.
    expected
        What would have been accepted.
    """

    def __init__(self, source: str, *, seen: str, expected: str) -> None:
        self.source = source
        self.seen = seen
        self.expected = expected
        super().__init__(f"{source}: cannot be read: seen {seen}; expected {expected}")


class UncalibratedError(FluoroinjectError):
    """Millimetres were asked of a loop that has no calibration."""


class ProcedureError(FluoroinjectError):
    """An unknown procedure key, or a procedure file that is not valid."""


class AnnotationError(FluoroinjectError):
    """Marks of a person that cannot be used."""


class PresentationError(FluoroinjectError):
    """A presentation state that cannot be read, is about another loop, or says nothing of use."""


class AnalysisError(FluoroinjectError):
    """A loop that can be read but not analysed."""


class BackendUnavailableError(FluoroinjectError):
    """The compute backend that was asked for is not there."""


class BackendFailedError(FluoroinjectError):
    """The device ran out of memory or failed in the middle of the work; no result is kept."""


class PhantomError(FluoroinjectError):
    """A synthetic scene that does not exist."""


class SettingsError(FluoroinjectError):
    """A configuration that is not valid."""


class IdentityMismatchError(FluoroinjectError):
    """A result would have gone into a study it does not come from."""


class EncodingError(FluoroinjectError):
    """A result that could not be written as DICOM."""


class StorageError(FluoroinjectError):
    """Bytes that could not be kept durably."""


class ConflictError(StorageError):
    """The same UID with other content: refused, never overwritten."""


class EndpointError(FluoroinjectError):
    """The other side of a connection failed."""


class TooManyError(EndpointError):
    """More answers than are taken, or than the peer gives: less must be asked for."""


class UnreachableError(EndpointError):
    """Nobody answers there."""


class RefusedError(EndpointError):
    """The peer answered, and refused.

    Parameters
    ----------
    message
        What was refused; nothing of the peer's own words, so that it may go into a log.
    status
        DIMSE or HTTP status, where the peer gave one.
    comment
        The peer's own words, for a person to read; they may name a patient.
    """

    def __init__(self, message: str, *, status: int | None = None, comment: str = "") -> None:
        self.message = message
        self.status = status
        self.comment = comment
        super().__init__(f"{message} (it says: {comment})" if comment else message)


class NotTakenError(RefusedError):
    """The peer takes no object of this class, in none of the syntaxes that could be offered."""
