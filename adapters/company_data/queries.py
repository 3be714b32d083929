"""Every question to the company's tables, by name."""

ORGANIZATIONS = """
    SELECT o.id, o.name, o.meta_business_id, o.is_active,
           count(a.id) FILTER (WHERE a.is_active) AS accounts
    FROM organizations o
    LEFT JOIN org_ad_accounts a ON a.organization_id = o.id
    WHERE o.name ILIKE $1 ESCAPE '\\'
    GROUP BY o.id
    ORDER BY lower(o.name) = lower($2) DESC, o.name, o.id
    LIMIT $3
"""

#: Left joins: an account without ads, and one that was never synced, are those that are looked
#: for. $1: one organization, or NULL for all.
LAST_SYNCS = """
    SELECT o.id AS organization, o.name AS organization_name, a.meta_account_id AS account, a.name,
           b.id AS business_account, s.last_sync, now() - s.last_sync AS age
    FROM organizations o
    LEFT JOIN org_ad_accounts a ON a.organization_id = o.id AND a.is_active
    LEFT JOIN LATERAL (
        SELECT max(last_sync) AS last_sync FROM org_ads WHERE org_ad_account_id = a.id
    ) s ON true
    LEFT JOIN LATERAL (
        SELECT id FROM org_business_accounts
        WHERE organization_id = o.id
          AND coalesce(system_user_access_token, user_access_token) IS NOT NULL
        ORDER BY token_kind = 'system_user' DESC, token_expires_at DESC NULLS FIRST, id
        LIMIT 1
    ) b ON true
    WHERE o.is_active AND ($1::bigint IS NULL OR o.id = $1)
    ORDER BY s.last_sync ASC NULLS FIRST, o.id, a.id
"""

FAILED_SYNCS = """
    SELECT e.organization_id AS organization, coalesce(o.name, '?') AS organization_name,
           coalesce(e.details ->> 'code', '') AS code, count(*) AS times, max(e.created_at) AS last
    FROM activity_events e
    LEFT JOIN organizations o ON o.id = e.organization_id
    WHERE e.action = 'ad_sync_failed' AND e.created_at > now() - $1::interval
      AND ($2::bigint IS NULL OR e.organization_id = $2)
    GROUP BY 1, 2, 3
    ORDER BY times DESC, last DESC
    LIMIT 200
"""

ADS_UPDATED = """
    SELECT a.meta_account_id AS account, a.name, count(d.id) AS ads,
           count(d.id) FILTER (WHERE d.updated_at >= $2) AS updated
    FROM org_ad_accounts a
    LEFT JOIN org_ads d ON d.org_ad_account_id = a.id
    WHERE a.organization_id = $1 AND a.is_active
    GROUP BY a.id
    ORDER BY updated, a.id
"""

SYNC_OF_KEY = """
    SELECT organization_id AS organization, status, requested_at, finished_at, ads_synced,
           coalesce(error, '') AS error
    FROM sync_requests
    WHERE idempotency_key = $1
"""

#: $1: how long before their end; NULL: all. $2: one organization, or NULL.
TOKENS = """
    SELECT b.id AS business_account, o.id AS organization, o.name AS organization_name,
           b.token_kind AS kind, b.token_expires_at AS expires_at,
           b.token_expires_at - now() AS left,
           CASE b.token_kind WHEN 'system_user' THEN b.system_user_access_token
                             ELSE b.user_access_token END AS sealed
    FROM org_business_accounts b
    JOIN organizations o ON o.id = b.organization_id
    WHERE o.is_active AND ($1::interval IS NULL OR b.token_expires_at < now() + $1)
      AND ($2::bigint IS NULL OR o.id = $2)
    ORDER BY b.token_expires_at ASC NULLS LAST, b.id
"""

TOKEN = """
    SELECT token_kind AS kind, token_expires_at AS expires_at,
           CASE token_kind WHEN 'system_user' THEN system_user_access_token
                           ELSE user_access_token END AS sealed
    FROM org_business_accounts WHERE id = $1
"""

WEBHOOK_EVENTS = """
    SELECT received_at AS at, account, field, count(*) OVER () AS count
    FROM webhook_events
    WHERE source = 'meta' AND received_at >= $1 AND ($2::text IS NULL OR account = $2)
    ORDER BY received_at DESC
    LIMIT $3
"""

REQUESTS = """
    SELECT h.begins, count(r.id) AS requests, count(r.id) FILTER (WHERE r.status = 429) AS limited,
           count(r.id) FILTER (WHERE r.status >= 400 AND r.status <> 429) AS failed
    FROM generate_series(
        date_trunc('hour', now()) - ($2::int - 1) * interval '1 hour', now(), interval '1 hour'
    ) AS h (begins)
    LEFT JOIN api_request_logs r
        ON r.service = $1 AND r.created_at >= h.begins
       AND r.created_at < h.begins + interval '1 hour'
    GROUP BY h.begins
    ORDER BY h.begins
"""

CALLERS = """
    SELECT r.organization_id AS organization, coalesce(o.name, '-') AS organization_name,
           r.endpoint, count(*) AS requests
    FROM api_request_logs r
    LEFT JOIN organizations o ON o.id = r.organization_id
    WHERE r.service = $1 AND r.created_at > now() - $2::int * interval '1 hour'
    GROUP BY 1, 2, 3
    ORDER BY requests DESC, 1, 3
    LIMIT 10
"""

JOBS = """
    SELECT j.job AS name, s.finished_at AS last_success, now() - s.finished_at AS age,
           coalesce(f.error, '') AS last_error
    FROM unnest($1::text[]) AS j (job)
    LEFT JOIN LATERAL (
        SELECT finished_at FROM job_runs
        WHERE job = j.job AND status = 'succeeded' ORDER BY started_at DESC LIMIT 1
    ) s ON true
    LEFT JOIN LATERAL (
        SELECT coalesce(error, 'failed') AS error FROM job_runs
        WHERE job = j.job AND status = 'failed'
          AND started_at > coalesce(s.finished_at, '-infinity')
        ORDER BY started_at DESC LIMIT 1
    ) f ON true
"""

NOW = "SELECT now() AS now"

OWNERS = """
    SELECT u.id, n.run IS NOT NULL AS is_told
    FROM user_organizations m
    JOIN users u ON u.id = m.user_id AND u.is_active
    LEFT JOIN runbook_bot.notices n ON n.user_id = u.id AND n.run = $2
    WHERE m.organization_id = $1 AND m.role = 'owner'
    ORDER BY u.id
"""

#: One statement: the key's row and the notification are there together or not at all.
NOTIFY = """
    WITH untold AS (
        INSERT INTO runbook_bot.notices (run, user_id)
        SELECT $2, u.id
        FROM user_organizations m JOIN users u ON u.id = m.user_id AND u.is_active
        WHERE m.organization_id = $1 AND m.role = 'owner'
        ON CONFLICT DO NOTHING
        RETURNING user_id
    )
    INSERT INTO notifications (user_id, type, message, created_at)
    SELECT user_id, 'token_expiring', $3, now() FROM untold
"""

LOCK_TOKEN = TOKEN + " FOR UPDATE"

KEEP_TOKEN = """
    INSERT INTO runbook_bot.kept_tokens (business_account, fingerprint, sealed, expires_at)
    VALUES ($1, $2, $3, $4) ON CONFLICT (business_account, fingerprint) DO NOTHING
"""

KEPT_TOKEN = """
    SELECT sealed, expires_at FROM runbook_bot.kept_tokens
    WHERE business_account = $1 AND fingerprint = $2
"""

PUT_TOKEN = """
    UPDATE org_business_accounts
    SET system_user_access_token = $2, token_expires_at = $3, updated_at = now()
    WHERE id = $1 AND token_kind = 'system_user'
      AND system_user_access_token IS NOT DISTINCT FROM $4
"""
