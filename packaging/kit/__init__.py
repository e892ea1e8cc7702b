"""What packaging/build is made of."""
