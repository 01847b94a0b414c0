"""Different cells trained side by side in one program, which compiles none of them."""
