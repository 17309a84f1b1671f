"""What a study tells beside one loop: the views of its loops, its dose, what is recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from napari_fluoroinject.model.geometry import View

Pregnancy = Literal["not pregnant", "possibly pregnant", "definitely pregnant", "unknown"]
DoseBasis = Literal["report", "headers", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the header of one loop records of its study; None = not recorded.

    `kap_gycm2` is the kerma-area product of this loop and of the fluoroscopy that prepared it
    (Image and Fluoroscopy Area Dose Product, PS3.3 C.8.7.2); `fluoroscopy_s` the time of the
    procedure step so far (Total Time of Fluoroscopy). `allergies` is the patient's data.
    """

    view: View = field(default_factory=View)
    kap_gycm2: float | None = None
    fluoroscopy_s: float | None = None
    allergies: str | None = None
    pregnancy: Pregnancy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IrradiationEvent:
    """One time the beam was on (PS3.16 TID 10003); None = not told.

    `kind` and `plane` are the words of their codes, `started` a date and time as DICOM writes it.
    """

    event_uid: str | None = None
    kind: str | None = None
    plane: str | None = None
    started: str | None = None
    duration_s: float | None = None
    kap_gycm2: float | None = None
    kerma_mgy: float | None = None
    primary_angle_deg: float | None = None
    secondary_angle_deg: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseReport:
    """What one radiation dose report tells (PS3.16 TID 10001); None = not told.

    `scope` is what the totals were added up over, a UID: the study, or a step of it. `events` are
    the times the beam was on, in the report's order.
    """

    study_instance_uid: str
    scope: str
    kap_gycm2: float | None = None
    fluoroscopy_s: float | None = None
    kerma_mgy: float | None = None
    events: tuple[IrradiationEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """What the equipment recorded of a study's radiation; None = not recorded.

    `kap_gycm2` is the kerma-area product, `kerma_mgy` the air kerma at the reference point. From
    a `report` they are totals; from `headers` at least so much, for fluoroscopy that was not
    stored, or not given here, is not in them. It is what the console says, no dose of a patient.
    """

    kap_gycm2: float | None = None
    fluoroscopy_s: float | None = None
    kerma_mgy: float | None = None
    basis: DoseBasis = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseReference:
    """A site's own 75th percentiles for a procedure; None = the site has set none."""

    kap_p75_gycm2: float | None = None
    time_p75_s: float | None = None
    kerma_p75_mgy: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """The study that a loop belongs to, as far as it was given.

    `views` are the names of the views that its loops show, one per loop, None where not known.
    """

    views: tuple[str | None, ...]
    dose: Dose = field(default_factory=Dose)
    reference: DoseReference = field(default_factory=DoseReference)
    allergies_recorded: bool = False
