"""A warehouse that answers."""


def setup(world):
    world.http.get("https://warehouse.example.com/stock").respond(json=[{"article": "tea", "left": 40}])
