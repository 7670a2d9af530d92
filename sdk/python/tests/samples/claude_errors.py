try:
    async for message in tracked_query(prompt="Deploy to production"):
        pass
except Exception as error:
    # Session already marked as failed in Sentrial
    # with failure_reason = str(error)
    print(f"Agent failed: {error}")
