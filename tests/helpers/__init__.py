"""What tests share: data made from numbers, stand-ins, servers and databases, and ways to read a page."""
