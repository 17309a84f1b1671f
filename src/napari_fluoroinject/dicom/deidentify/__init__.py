"""De-identification for research export (PS3.15 Annex E), object by object."""
