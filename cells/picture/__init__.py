"""A cell as a picture: what is drawn, in which layer and order, and how."""
