from datetime import datetime, timedelta

from src.ext.sdk import PluginContext, job


@job("welcome", schedule="0 8 * * *")
def welcome(ctx: PluginContext):
    """Welcome everyone who joined since yesterday morning."""
    since = datetime.now() - timedelta(days=1)
    users = ctx.db.query("users", {"joined_at": {"$gte": since.isoformat()}})
    for user in users:
        print(f"Welcome, {user['name']}!")
        ctx.emit("user.welcomed", {"name": user["name"]})
    return {"status": "success", "welcomed": len(users)}
