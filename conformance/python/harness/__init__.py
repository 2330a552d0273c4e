"""What the suite needs around the official packages, which are used as they were installed and never patched."""
