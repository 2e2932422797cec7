from sbh_jobkit import every


def setup(world):
    world.db.create("users")


@every("30 14 * * 1-5")
def somebody_joins(world, now):
    world.db.insert("users", {"name": world.random.choice(["Ada", "Grace", "Linus"]), "joined_at": now.isoformat()})
