from datetime import datetime, timedelta

from src.ext.sdk import PluginContext, job


@job("welcome", schedule="0 8 * * *")
def welcome(ctx: PluginContext):
    """Welcome everyone who joined in the last week, once."""
    since = datetime.now() - timedelta(days=7)
    users = ctx.db.query("users", {"joined_at": {"$gte": since.isoformat()}}, limit=1000)
    new = [user for user in users if not ctx.files.get(f"welcomed/{user['id']}")]
    for user in new:
        print(f"Welcome, {user['name']}!")
        ctx.emit("user.welcomed", {"name": user["name"]})
        ctx.files.upload(f"welcomed/{user['id']}", "")
    return {"status": "success", "welcomed": len(new)}
