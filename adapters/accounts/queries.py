"""What the company's database is asked and told about users. The names are the company's own."""

USERS = """
    SELECT u.id, u.email, u.name, u.auth0_id, u.is_active, count(s.id) AS live_sessions,
           array_agg(DISTINCT host(s.ip)) FILTER (WHERE s.id IS NOT NULL) AS ips
    FROM users u
    LEFT JOIN user_sessions s
        ON s.user_id = u.id AND s.revoked_at IS NULL AND s.expires_at > now()
    WHERE lower(u.email) = ANY($1::text[]) OR u.id = ANY($2::bigint[])
    GROUP BY u.id ORDER BY u.id
"""
SESSIONS = """
    SELECT to_jsonb(s)::text AS session FROM user_sessions s
    WHERE s.user_id = ANY($1::bigint[]) ORDER BY s.user_id, s.created_at, s.id
"""
ACTIVITIES = """
    SELECT a.user_id AS user, a.organization_id AS organization, o.name AS organization_name,
           a.action, count(*) AS times, min(a.created_at) AS first, max(a.created_at) AS last,
           array_agg(DISTINCT host(a.ip)) FILTER (WHERE a.ip IS NOT NULL) AS ips
    FROM activity_events a LEFT JOIN organizations o ON o.id = a.organization_id
    WHERE a.user_id = ANY($1::bigint[]) AND a.created_at >= $2
        AND a.created_at <= coalesce($3::timestamptz, now())
    GROUP BY a.user_id, a.organization_id, o.name, a.action
    ORDER BY times DESC, a.user_id, a.organization_id, a.action LIMIT $4
"""
USERS_OF = """
    SELECT count(DISTINCT user_id) AS users FROM user_organizations
    WHERE organization_id = ANY($1::bigint[])
"""
OWNERS_OF = """
    SELECT DISTINCT u.email FROM user_organizations m JOIN users u ON u.id = m.user_id
    WHERE m.organization_id = ANY($1::bigint[]) AND m.role = 'owner' ORDER BY u.email LIMIT $2
"""
DISABLE = "UPDATE users SET is_active = false WHERE id = $1 AND is_active"
ENABLE = "UPDATE users SET is_active = true WHERE id = $1 AND NOT is_active"
REVOKE = """
    UPDATE user_sessions SET revoked_at = now()
    WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()
"""
