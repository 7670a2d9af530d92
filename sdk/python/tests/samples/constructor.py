from sentrial import SentrialClient
client = SentrialClient(
api_key="your-api-key", # Optional if SENTRIAL_API_KEY env var set
project_id="your-project-id", # Optional if SENTRIAL_PROJECT_ID env var set
api_url="https://api.realm.ai", # Optional, defaults to production
timeout=30, # Optional, request timeout in seconds
max_retries=3 # Optional, max number of retries
)
