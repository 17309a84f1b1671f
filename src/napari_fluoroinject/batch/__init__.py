"""Many loops at once: planned, spread over workers, kept in a journal, told in tables."""
