"""What comes out of a run: it is read and shown, never trained."""
