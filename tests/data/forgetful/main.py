from src.ext.sdk import job


@job("fetch", schedule="0 6 * * *")
def fetch(ctx):
    """Swallow every mistake, as jobs do."""
    try:
        key = ctx.secrets.get("API_KEY")
        answer = ctx.http.get("https://api.example.com/data", headers={"Authorization": f"Bearer {key}"})
        return {"status": "success", "rows": len(answer["json"] or [])}
    except Exception as error:
        return {"status": "error", "error": str(error)}
