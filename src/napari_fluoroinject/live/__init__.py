"""A feed while it comes: received, recorded, mapped, and the newest frame kept for a screen."""
