"""A car park with three cars."""


def setup(world):
    world.db.insert("cars", [{"plate": "AB-123"}, {"plate": "CD-456"}, {"plate": "EF-789"}])
