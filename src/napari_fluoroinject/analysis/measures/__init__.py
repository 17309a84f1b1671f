"""What is measured against a procedure's landmarks: each a number with its unit, or a reason."""
