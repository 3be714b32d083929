-- Rows for :organizations organizations, up to now. The same every time, but for the time itself.

SELECT setseed(0.42);

INSERT INTO alembic_version VALUES ('a003');

-- The last one has a namesake; two have characters that are special in a pattern or a string.
INSERT INTO organizations (id, name, meta_business_id, plan, is_active, created_at)
SELECT i,
       CASE i WHEN 7 THEN 'O''Brien & Sons' WHEN 11 THEN '100% Pure Skincare'
              WHEN :organizations THEN 'Amber Bakery'
              ELSE (ARRAY['Amber','Birch','Cedar','Dawn','Ember','Fjord','Grove','Harbor','Indigo',
                          'Juniper','Kestrel','Lumen','Maple','North','Opal','Pine','Quartz','River',
                          'Summit','Tidal'])[1 + (i - 1) % 20] || ' ' ||
                   (ARRAY['Bakery','Outdoor','Dental','Fitness','Coffee','Travel','Insurance',
                          'Apparel','Pets','Finance','Homes','Learning','Motors','Optics','Foods',
                          'Media','Energy'])[1 + (i - 1) % 17] END,
       (100000000000000 + i * 7919)::text,
       (ARRAY['starter', 'growth', 'growth', 'enterprise'])[1 + i % 4],
       i % 41 <> 0,
       now() - interval '900 days' + i * interval '2 days 9 hours'
FROM generate_series(1, :organizations) i;

INSERT INTO users (id, email, name, auth0_id, is_active, created_at)
SELECT i, lower(f) || '.' || lower(l) || i || '@example.com', f || ' ' || l,
       'auth0|' || md5('user' || i), i % 37 <> 0, now() - random() * interval '800 days'
FROM generate_series(1, :organizations * 4) i
CROSS JOIN LATERAL (SELECT
    (ARRAY['Ada','Bela','Chen','Dina','Emre','Fatou','Goran','Hana','Ines','Jonas','Kofi','Lena',
           'Mira','Nils','Olga','Priya'])[1 + i % 16] AS f,
    (ARRAY['Adler','Bauer','Costa','Diallo','Eriksen','Fischer','Garcia','Haddad','Ito','Jansen',
           'Kumar','Lopez','Moreau'])[1 + i % 13] AS l) names;

INSERT INTO user_organizations (user_id, organization_id, role)
SELECT i, 1 + (i - 1) % :organizations,
       CASE WHEN i <= :organizations THEN 'owner' WHEN i % 5 = 0 THEN 'admin' ELSE 'member' END
FROM generate_series(1, :organizations * 4) i
UNION ALL  -- Agencies work for several.
SELECT i, 1 + (i * 31) % :organizations, 'admin'
FROM generate_series(1, :organizations * 4, 9) i
WHERE 1 + (i * 31) % :organizations <> 1 + (i - 1) % :organizations;

INSERT INTO user_sessions
SELECT md5('session' || i)::uuid, 1 + (i * 13) % (:organizations * 4),
       ('198.51.100.' || 1 + i % 254)::inet,
       (ARRAY['Mozilla/5.0 (Macintosh)', 'Mozilla/5.0 (Windows NT 10.0)', 'Mozilla/5.0 (X11)',
              'ComplyAI-iOS/3.2'])[1 + i % 4],
       at, least(now(), at + random() * interval '5 days'), at + interval '14 days',
       CASE WHEN i % 20 = 0 THEN at + interval '1 day' END
FROM generate_series(1, :organizations * 20) i
CROSS JOIN LATERAL (SELECT now() - random() * interval '13 days' - interval '1 hour' AS at) t;

-- Every 40th token is about to expire, every 90th has expired.
INSERT INTO org_business_accounts
    (id, organization_id, business_id, token_kind, token_expires_at, updated_at)
SELECT i, 1 + (i - 1) % :organizations, (100000000000000 + i * 7919)::text,
       CASE WHEN i % 3 = 0 THEN 'system_user' ELSE 'user' END,
       CASE WHEN i % 90 = 0 THEN now() - interval '2 days'
            WHEN i % 40 = 0 THEN now() + interval '3 days' + (i % 4) * interval '1 day'
            WHEN i % 3 = 0 THEN NULL
            ELSE now() + interval '8 days' + random() * interval '50 days' END,
       now() - random() * interval '50 days'
FROM generate_series(1, :organizations + :organizations / 10) i;

INSERT INTO org_ad_accounts (id, organization_id, meta_account_id, name, is_active, created_at)
SELECT i, 1 + (i - 1) % :organizations, 'act_' || 200000000000 + i * 104729,
       (ARRAY['Brand', 'Performance', 'Retargeting'])[1 + i % 3] || ' ' || i, i % 29 <> 0,
       now() - random() * interval '700 days'
FROM generate_series(1, :organizations * 3) i;

-- Every 10th account has no ads yet; every 75th was not synced for hours.
INSERT INTO org_ads (org_ad_account_id, meta_ad_id, name, status, score, last_sync, created_at,
                     updated_at)
SELECT account, (300000000000000 + i * 15485863::bigint)::text, 'Ad ' || i,
       (ARRAY['ACTIVE', 'ACTIVE', 'ACTIVE', 'PAUSED', 'DISAPPROVED'])[1 + i % 5],
       round((40 + random() * 60)::numeric, 2), synced, now() - random() * interval '400 days',
       synced
FROM generate_series(1, :organizations * 200) i
CROSS JOIN LATERAL (SELECT 1 + (i * 7) % (:organizations * 3) AS account) a
CROSS JOIN LATERAL (SELECT CASE WHEN account % 75 = 0 THEN now() - interval '5 hours'
                                ELSE now() - random() * interval '14 minutes' END AS synced) s
WHERE account % 10 <> 3;

INSERT INTO activity_events (organization_id, user_id, action, ip, details, created_at)
SELECT 1 + (i * 17) % :organizations, 1 + (i * 13) % (:organizations * 4), action,
       CASE WHEN action LIKE 'ad\_%' THEN NULL ELSE ('198.51.100.' || 1 + i % 254)::inet END,
       CASE WHEN action = 'ad_sync_failed'
            THEN jsonb_build_object('code', (ARRAY[4, 17, 190, 2])[1 + i % 4]) ELSE '{}' END,
       now() - i * interval '30 days' / (:organizations * 400)
FROM generate_series(1, :organizations * 400) i
CROSS JOIN LATERAL (SELECT CASE WHEN i % 500 = 0 THEN 'ad_sync_failed'
    ELSE (ARRAY['ad_sync_completed', 'ad_sync_completed', 'ad_scored', 'login', 'report_viewed',
                'ad_scored', 'settings_changed', 'export_downloaded'])[1 + i % 8] END AS action) a;

INSERT INTO notifications (user_id, type, message, read_at, created_at)
SELECT 1 + (i * 7) % (:organizations * 4), type,
       CASE type WHEN 'token_expiring' THEN 'Your Meta connection needs refresh'
                 WHEN 'ad_disapproved' THEN 'An ad was disapproved' ELSE 'Your report is ready' END,
       CASE WHEN i % 3 <> 0 THEN at + interval '2 hours' END, at
FROM generate_series(1, :organizations * 25) i
CROSS JOIN LATERAL (SELECT now() - random() * interval '60 days' - interval '3 hours' AS at,
    (ARRAY['report_ready', 'ad_disapproved', 'report_ready', 'token_expiring'])[1 + i % 4] AS type) t;

-- More by day than by night, and sometimes the limits of Meta.
INSERT INTO api_request_logs (service, organization_id, endpoint, status, duration_ms, created_at)
SELECT (ARRAY['meta', 'meta', 'meta', 'stripe', 'auth0'])[1 + i % 5], 1 + (i * 11) % :organizations,
       (ARRAY['/act/ads', '/act/insights', '/me', '/v1/events', '/oauth/token'])[1 + i % 5],
       CASE WHEN i % 400 = 0 THEN 429 WHEN i % 333 = 0 THEN 500 WHEN i % 150 = 0 THEN 400 ELSE 200 END,
       (40 + 400 * random() * random())::int,
       now() - (i::float8 / (:organizations * 500) * 7 + 0.08 * sin(i * 14 * pi() /
               (:organizations * 500)) ^ 2) * interval '1 day'
FROM generate_series(1, :organizations * 500) i;

INSERT INTO processed_stripe_events
SELECT 'evt_' || substr(md5('event' || i), 1, 24),
       (ARRAY['invoice.paid', 'customer.subscription.updated', 'invoice.payment_failed',
              'charge.succeeded'])[1 + i % 4], at, at + interval '2 seconds'
FROM generate_series(1, :organizations * 10) i
CROSS JOIN LATERAL (SELECT now() - i * interval '30 days' / (:organizations * 10) AS at) t;

INSERT INTO job_runs (job, started_at, finished_at, status)
SELECT job, at, at + lasts, 'succeeded'
FROM (VALUES ('ad_sync', interval '15 minutes', interval '70 seconds'),
             ('score_calculation', interval '30 minutes', interval '4 minutes')) j (job, every, lasts)
CROSS JOIN LATERAL generate_series(now() - interval '7 days', now() - lasts, every) at
UNION ALL
SELECT 'daily_report', at, at + interval '9 minutes', 'succeeded'
FROM generate_series(date_trunc('day', now()) - interval '6 days 18 hours',
                     now() - interval '9 minutes', interval '1 day') at;

-- Every quarter of an hour, until an hour ago.
INSERT INTO webhook_events (source, account, field, payload, received_at)
SELECT 'meta', a.meta_account_id,
       (ARRAY['with_issues_ad_objects', 'in_process_ad_objects'])[1 + n % 2],
       jsonb_build_object('level', 'AD'), now() - n * interval '15 minutes' - interval '50 minutes'
FROM generate_series(1, 300) n
JOIN org_ad_accounts a ON a.id = 1 + (n * 11) % (:organizations * 3);

-- Two days of them; one in 200 failed.
INSERT INTO sync_runs (org_ad_account_id, started_at, finished_at, status, ads_synced, error)
SELECT account, at, at + random() * interval '70 seconds',
       CASE WHEN failed THEN 'failed' ELSE 'succeeded' END,
       CASE WHEN failed THEN 0 ELSE 20 + account % 150 END,
       CASE WHEN failed THEN 'Meta: (#17) User request limit reached' END
FROM generate_series(1, :organizations * 3) account
CROSS JOIN generate_series(1, 96) n
CROSS JOIN LATERAL (SELECT now() - n * interval '30 minutes' + interval '16 minutes'
                           - (account % 14) * interval '1 minute' AS at,
                           (account * 97 + n) % 200 = 0 AS failed) t
WHERE account % 10 <> 3 AND (account % 75 <> 0 OR n > 11);
