"""Features in motion: bitstream, carriage, sources, programme, sessions and files."""
