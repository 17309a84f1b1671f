"""Two views of one patient: where a point that both show lies in space, and how surely.

`pairing` says which loops go together, `triangulate` where points lie, `refine` how the views
stand to each other by common points, `shaft` how the needle lies; `simulation` checks the bounds.
"""
