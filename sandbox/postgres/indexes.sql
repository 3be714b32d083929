-- Keys, indexes and statistics, once the rows are there; and where new rows count on from.

ALTER TABLE user_organizations
    ADD FOREIGN KEY (user_id) REFERENCES users,
    ADD FOREIGN KEY (organization_id) REFERENCES organizations;
ALTER TABLE user_sessions ADD FOREIGN KEY (user_id) REFERENCES users;
ALTER TABLE org_business_accounts ADD FOREIGN KEY (organization_id) REFERENCES organizations;
ALTER TABLE org_ad_accounts ADD FOREIGN KEY (organization_id) REFERENCES organizations;
ALTER TABLE org_ads ADD FOREIGN KEY (org_ad_account_id) REFERENCES org_ad_accounts;
ALTER TABLE notifications ADD FOREIGN KEY (user_id) REFERENCES users;
ALTER TABLE sync_requests ADD FOREIGN KEY (organization_id) REFERENCES organizations;
ALTER TABLE sync_runs ADD FOREIGN KEY (org_ad_account_id) REFERENCES org_ad_accounts;

CREATE INDEX organizations_name_idx ON organizations (name);
CREATE INDEX user_sessions_user_id_idx ON user_sessions (user_id);
CREATE INDEX org_business_accounts_organization_id_idx ON org_business_accounts (organization_id);
CREATE INDEX org_ad_accounts_organization_id_idx ON org_ad_accounts (organization_id);
CREATE INDEX org_ads_org_ad_account_id_idx ON org_ads (org_ad_account_id);
CREATE INDEX activity_events_created_at_idx ON activity_events (created_at);
CREATE INDEX notifications_user_id_idx ON notifications (user_id);
CREATE INDEX api_request_logs_created_at_idx ON api_request_logs (created_at);
CREATE INDEX webhook_events_received_at_idx ON webhook_events (received_at);
CREATE INDEX job_runs_job_idx ON job_runs (job, started_at);
CREATE INDEX sync_runs_account_idx ON sync_runs (org_ad_account_id, started_at);

SELECT setval(pg_get_serial_sequence('organizations', 'id'), max(id)) FROM organizations;
SELECT setval(pg_get_serial_sequence('users', 'id'), max(id)) FROM users;
SELECT setval(pg_get_serial_sequence('org_business_accounts', 'id'), max(id))
FROM org_business_accounts;
SELECT setval(pg_get_serial_sequence('org_ad_accounts', 'id'), max(id)) FROM org_ad_accounts;

ANALYZE;
