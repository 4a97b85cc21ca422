"""Pictures with known factors: rooms, portraits, sprites, one file each over one canvas."""
