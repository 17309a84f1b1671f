"""Items of a worklist as DCMTK's dump2dcm reads them, of patients whom nobody knows."""

from __future__ import annotations

STUDY_UID = "1.2.826.0.1.3680043.10.1.77"


def item(accession: str, *, study: str = STUDY_UID, patient: str = "TEST-77") -> str:
    """One scheduled step of a radiofluoroscopic procedure, as the text of a dump."""
    return f"""\
(0008,0005) CS [ISO_IR 100]
(0008,0050) SH [{accession}]
(0008,0090) PN [Test^Referrer]
(0010,0010) PN [Test^Live]
(0010,0020) LO [{patient}]
(0010,0030) DA [19700101]
(0010,0040) CS [O]
(0020,000d) UI [{study}]
(0032,1032) PN [Test^Asker]
(0032,1060) LO [Medial branch block]
(0040,0100) SQ
(fffe,e000) -
(0008,0060) CS [RF]
(0040,0001) AE [CARM]
(0040,0002) DA [20260101]
(0040,0003) TM [0800]
(0040,0006) PN [Test^Doer]
(0040,0007) LO [Medial branch block L4 left]
(0040,0009) SH [STEP-{accession}]
(fffe,e00d) -
(fffe,e0dd) -
(0040,1001) SH [PROC-{accession}]
(0040,1003) SH [LOW]
"""
