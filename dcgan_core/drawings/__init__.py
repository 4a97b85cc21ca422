"""Pictures whose factors are known: rooms, portraits, sprites, one file each over one canvas; `scenes` draws all three."""
