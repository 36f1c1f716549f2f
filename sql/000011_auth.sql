-- Who may come in: people as their identity provider knows them, browser sessions, access tokens; and what was done.
-- Nothing here opens a door: of tokens and sessions there are SHA-256 hashes of 128 and 256 random bits, and what a
-- session holds is sealed with a key made from its cookie.

CREATE SCHEMA auth;

CREATE TABLE auth.user (
  name       text PRIMARY KEY,             -- owner of jobs and tables
  issuer     text,                         -- NULL: made by the operator, cannot log in
  subject    text,                         -- `sub`, unique and never used again within the issuer
  full_name  text,
  email      text,
  groups     text[] NOT NULL DEFAULT '{}', -- as at the last login
  blocked    boolean NOT NULL DEFAULT false,
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  login_at   timestamptz(3),
  UNIQUE (issuer, subject),
  CHECK ((issuer IS NULL) = (subject IS NULL))
);

CREATE TABLE auth.token (
  token_key   text PRIMARY KEY,            -- public: shown in logs and lists
  user_name   text NOT NULL REFERENCES auth.user ON DELETE CASCADE,
  secret_hash bytea NOT NULL,
  token_name  text NOT NULL,
  scopes      text[] NOT NULL,
  created_at  timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  expires_at  timestamptz(3),              -- NULL: until it is revoked
  revoked_at  timestamptz(3),
  used_at     timestamptz(3),              -- to the minute
  used_from   inet
);
CREATE UNIQUE INDEX token_name ON auth.token (user_name, token_name) WHERE revoked_at IS NULL;

CREATE TABLE auth.session (
  session_hash bytea PRIMARY KEY,          -- SHA-256 of the id in the cookie
  user_name    text REFERENCES auth.user ON DELETE CASCADE, -- NULL: on the way to the provider
  token_key    text REFERENCES auth.token ON DELETE CASCADE, -- begun with a token: may do no more than that
  sealed       bytea NOT NULL,
  created_at   timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  expires_at   timestamptz(3) NOT NULL
);
CREATE INDEX session_of_user ON auth.session (user_name);
CREATE INDEX session_expiry ON auth.session (expires_at);

-- What became of each token: created, renamed, other scopes or expiry, revoked.
CREATE TABLE auth.token_change (
  change_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  token_key  text NOT NULL REFERENCES auth.token ON DELETE CASCADE,
  changed_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  actor      text NOT NULL,
  address    inet,                         -- NULL: by the command line
  action     text NOT NULL CHECK (action IN ('create', 'edit', 'revoke')),
  token_name text NOT NULL,                -- as they were afterwards
  scopes     text[] NOT NULL,
  expires_at timestamptz(3)
);
CREATE INDEX token_change_token ON auth.token_change (token_key);

-- Logins, tokens, grants and administrative acts. Rows are only ever added.
CREATE TABLE auth.audit (
  audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at       timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  actor    text,                           -- NULL: nobody who is known
  action   text NOT NULL,                  -- login, login.refused, logout, token.create …
  object   text,                           -- a token's key, a table, a user
  address  inet,
  detail   jsonb
);
CREATE INDEX audit_time ON auth.audit (at);

-- Every process remembers users, sessions and tokens for a while; this tells it what to forget. Only changes of what
-- somebody may do are told, so that noting a token's use costs nobody anything.
CREATE FUNCTION auth.tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    PERFORM pg_notify('auth', '');
  ELSIF TG_TABLE_NAME = 'user' THEN
    PERFORM pg_notify('auth', 'user ' || OLD.name);
  ELSIF TG_TABLE_NAME = 'token' THEN
    PERFORM pg_notify('auth', 'token ' || OLD.token_key);
  ELSE
    PERFORM pg_notify('auth', 'session ' || encode(OLD.session_hash, 'hex'));
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER tell_update AFTER UPDATE ON auth.user FOR EACH ROW
  WHEN (OLD.name <> NEW.name OR OLD.groups <> NEW.groups OR OLD.blocked <> NEW.blocked) EXECUTE FUNCTION auth.tell();
CREATE TRIGGER tell_delete AFTER DELETE ON auth.user FOR EACH ROW EXECUTE FUNCTION auth.tell();
CREATE TRIGGER tell_update AFTER UPDATE ON auth.token FOR EACH ROW
  WHEN (OLD.scopes <> NEW.scopes OR OLD.secret_hash <> NEW.secret_hash OR OLD.user_name <> NEW.user_name
        OR OLD.expires_at IS DISTINCT FROM NEW.expires_at OR OLD.revoked_at IS DISTINCT FROM NEW.revoked_at)
  EXECUTE FUNCTION auth.tell();
CREATE TRIGGER tell_delete AFTER DELETE ON auth.token FOR EACH ROW EXECUTE FUNCTION auth.tell();
CREATE TRIGGER tell_update AFTER UPDATE ON auth.session FOR EACH ROW
  WHEN (OLD.user_name IS DISTINCT FROM NEW.user_name OR OLD.expires_at <> NEW.expires_at)
  EXECUTE FUNCTION auth.tell();
CREATE TRIGGER tell_delete AFTER DELETE ON auth.session FOR EACH ROW EXECUTE FUNCTION auth.tell();
CREATE TRIGGER tell_truncate AFTER TRUNCATE ON auth.user FOR EACH STATEMENT EXECUTE FUNCTION auth.tell();
CREATE TRIGGER tell_truncate AFTER TRUNCATE ON auth.token FOR EACH STATEMENT EXECUTE FUNCTION auth.tell();
CREATE TRIGGER tell_truncate AFTER TRUNCATE ON auth.session FOR EACH STATEMENT EXECUTE FUNCTION auth.tell();
