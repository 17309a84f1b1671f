"""The napari plugin: the only floor that knows napari and Qt."""
