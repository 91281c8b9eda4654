"""The singer: a voice that sings along with the piano, block by block."""
