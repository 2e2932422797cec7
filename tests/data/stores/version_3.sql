-- A store of version 3, the first one with workers, as pg_dump wrote it: two runs by hand, two fire times that are due.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE SCHEMA sbh_queue;

CREATE TYPE sbh_queue.procrastinate_job_event_type AS ENUM (
    'deferred',
    'started',
    'deferred_for_retry',
    'failed',
    'succeeded',
    'cancelled',
    'abort_requested',
    'aborted',
    'scheduled',
    'retried'
);

CREATE TYPE sbh_queue.procrastinate_job_status AS ENUM (
    'todo',
    'doing',
    'succeeded',
    'failed',
    'cancelled',
    'aborting',
    'aborted'
);

CREATE TYPE sbh_queue.procrastinate_job_to_defer_v1 AS (
	queue_name character varying,
	task_name character varying,
	priority integer,
	lock text,
	queueing_lock text,
	args jsonb,
	scheduled_at timestamp with time zone
);

CREATE FUNCTION sbh_queue.procrastinate_cancel_job_v1(job_id bigint, abort boolean, delete_job boolean) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
BEGIN
    IF delete_job THEN
        DELETE FROM procrastinate_jobs
        WHERE id = job_id AND status = 'todo'
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        IF abort THEN
            UPDATE procrastinate_jobs
            SET abort_requested = true,
                status = CASE status
                    WHEN 'todo' THEN 'cancelled'::procrastinate_job_status ELSE status
                END
            WHERE id = job_id AND status IN ('todo', 'doing')
            RETURNING id INTO _job_id;
        ELSE
            UPDATE procrastinate_jobs
            SET status = 'cancelled'::procrastinate_job_status
            WHERE id = job_id AND status = 'todo'
            RETURNING id INTO _job_id;
        END IF;
    END IF;
    RETURN _job_id;
END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_defer_jobs_v1(jobs sbh_queue.procrastinate_job_to_defer_v1[]) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
DECLARE
    job_ids bigint[];
BEGIN
    WITH inserted_jobs AS (
        INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
        SELECT (job).queue_name,
               (job).task_name,
               (job).priority,
               (job).lock,
               (job).queueing_lock,
               (job).args,
               (job).scheduled_at
        FROM unnest(jobs) AS job
        RETURNING id
    )
    SELECT array_agg(id) FROM inserted_jobs INTO job_ids;

    RETURN job_ids;
END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_defer_periodic_job_v2(_queue_name character varying, _lock character varying, _queueing_lock character varying, _task_name character varying, _priority integer, _periodic_id character varying, _defer_timestamp bigint, _args jsonb) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
	_job_id bigint;
	_defer_id bigint;
BEGIN
    INSERT
        INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp)
        VALUES (_task_name, _periodic_id, _defer_timestamp)
        ON CONFLICT DO NOTHING
        RETURNING id into _defer_id;

    IF _defer_id IS NULL THEN
        RETURN NULL;
    END IF;

    UPDATE procrastinate_periodic_defers
        SET job_id = (
            SELECT COALESCE((
                SELECT unnest(procrastinate_defer_jobs_v1(
                    ARRAY[
                        ROW(
                            _queue_name,
                            _task_name,
                            _priority,
                            _lock,
                            _queueing_lock,
                            _args,
                            NULL::timestamptz
                        )
                    ]::procrastinate_job_to_defer_v1[]
                ))
            ), NULL)
        )
        WHERE id = _defer_id
        RETURNING job_id INTO _job_id;

    DELETE
        FROM procrastinate_periodic_defers
        USING (
            SELECT id
            FROM procrastinate_periodic_defers
            WHERE procrastinate_periodic_defers.task_name = _task_name
            AND procrastinate_periodic_defers.periodic_id = _periodic_id
            AND procrastinate_periodic_defers.defer_timestamp < _defer_timestamp
            ORDER BY id
            FOR UPDATE
        ) to_delete
        WHERE procrastinate_periodic_defers.id = to_delete.id;

    RETURN _job_id;
END;
$$;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE sbh_queue.procrastinate_jobs (
    id bigint NOT NULL,
    queue_name character varying(128) NOT NULL,
    task_name character varying(128) NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    lock text,
    queueing_lock text,
    args jsonb DEFAULT '{}'::jsonb NOT NULL,
    status sbh_queue.procrastinate_job_status DEFAULT 'todo'::sbh_queue.procrastinate_job_status NOT NULL,
    scheduled_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    abort_requested boolean DEFAULT false NOT NULL,
    worker_id bigint,
    CONSTRAINT check_not_todo_abort_requested CHECK ((NOT ((status = 'todo'::sbh_queue.procrastinate_job_status) AND (abort_requested = true))))
);

CREATE FUNCTION sbh_queue.procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint) RETURNS sbh_queue.procrastinate_jobs
    LANGUAGE plpgsql
    AS $$
DECLARE
	found_jobs procrastinate_jobs;
BEGIN
    WITH candidate AS (
        SELECT jobs.*
            FROM procrastinate_jobs AS jobs
            WHERE
                -- reject the job if its lock has earlier or higher priority jobs
                NOT EXISTS (
                    SELECT 1
                        FROM procrastinate_jobs AS other_jobs
                        WHERE
                            jobs.lock IS NOT NULL
                            AND other_jobs.lock = jobs.lock
                            AND (
                                -- job with same lock is already running
                                other_jobs.status = 'doing'
                                OR
                                -- job with same lock is waiting and has higher priority (or same priority but was queued first)
                                (
                                    other_jobs.status = 'todo'
                                    AND (
                                        other_jobs.priority > jobs.priority
                                        OR (
                                        other_jobs.priority = jobs.priority
                                        AND other_jobs.id < jobs.id
                                        )
                                    )
                                )
                            )
                )
                AND jobs.status = 'todo'
                AND (target_queue_names IS NULL OR jobs.queue_name = ANY( target_queue_names ))
                AND (jobs.scheduled_at IS NULL OR jobs.scheduled_at <= now())
            ORDER BY jobs.priority DESC, jobs.id ASC LIMIT 1
            FOR UPDATE OF jobs SKIP LOCKED
    )
    UPDATE procrastinate_jobs
        SET status = 'doing', worker_id = p_worker_id
        FROM candidate
        WHERE procrastinate_jobs.id = candidate.id
        RETURNING procrastinate_jobs.* INTO found_jobs;

 RETURN found_jobs;
END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_finish_job_v1(job_id bigint, end_status sbh_queue.procrastinate_job_status, delete_job boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
BEGIN
    IF end_status NOT IN ('succeeded', 'failed', 'aborted') THEN
        RAISE 'End status should be either "succeeded", "failed" or "aborted" (job id: %)', job_id;
    END IF;
    IF delete_job THEN
        DELETE FROM procrastinate_jobs
        WHERE id = job_id AND status IN ('todo', 'doing')
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = end_status,
            abort_requested = false,
            attempts = CASE status
                WHEN 'doing' THEN attempts + 1 ELSE attempts
            END
        WHERE id = job_id AND status IN ('todo', 'doing')
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        RAISE 'Job was not found or not in "doing" or "todo" status (job id: %)', job_id;
    END IF;
END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_notify_queue_abort_job_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    payload TEXT;
BEGIN
    SELECT json_build_object('type', 'abort_job_requested', 'job_id', NEW.id)::text INTO payload;
	PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, payload);
	PERFORM pg_notify('procrastinate_any_queue_v1', payload);
	RETURN NEW;
END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_notify_queue_job_inserted_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    payload TEXT;
BEGIN
    SELECT json_build_object('type', 'job_inserted', 'job_id', NEW.id)::text INTO payload;
	PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, payload);
	PERFORM pg_notify('procrastinate_any_queue_v1', payload);
	RETURN NEW;
END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_prune_stalled_workers_v1(seconds_since_heartbeat double precision) RETURNS TABLE(worker_id bigint)
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY
    DELETE FROM procrastinate_workers
    WHERE last_heartbeat < NOW() - (seconds_since_heartbeat || 'SECOND')::INTERVAL
    RETURNING procrastinate_workers.id;
END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_register_worker_v1() RETURNS TABLE(worker_id bigint)
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY
    INSERT INTO procrastinate_workers DEFAULT VALUES
    RETURNING procrastinate_workers.id;
END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_retry_job_v1(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
    _abort_requested boolean;
BEGIN
    SELECT abort_requested FROM procrastinate_jobs
    WHERE id = job_id AND status = 'doing'
    FOR UPDATE
    INTO _abort_requested;
    IF _abort_requested THEN
        UPDATE procrastinate_jobs
        SET status = 'failed'::procrastinate_job_status
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = 'todo'::procrastinate_job_status,
            attempts = attempts + 1,
            scheduled_at = retry_at,
            priority = COALESCE(new_priority, priority),
            queue_name = COALESCE(new_queue_name, queue_name),
            lock = COALESCE(new_lock, lock)
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    END IF;

    IF _job_id IS NULL THEN
        RAISE 'Job was not found or not in "doing" status (job id: %)', job_id;
    END IF;
END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_retry_job_v2(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
    _abort_requested boolean;
    _current_status procrastinate_job_status;
BEGIN
    SELECT status, abort_requested FROM procrastinate_jobs
    WHERE id = job_id AND status IN ('doing', 'failed')
    FOR UPDATE
    INTO _current_status, _abort_requested;
    IF _current_status = 'doing' AND _abort_requested THEN
        UPDATE procrastinate_jobs
        SET status = 'failed'::procrastinate_job_status
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = 'todo'::procrastinate_job_status,
            attempts = attempts + 1,
            scheduled_at = retry_at,
            priority = COALESCE(new_priority, priority),
            queue_name = COALESCE(new_queue_name, queue_name),
            lock = COALESCE(new_lock, lock)
        WHERE id = job_id AND status IN ('doing', 'failed')
        RETURNING id INTO _job_id;
    END IF;

    IF _job_id IS NULL THEN
        RAISE 'Job was not found or has an invalid status to retry (job id: %)', job_id;
    END IF;

END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_trigger_abort_requested_events_procedure_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type)
        VALUES (NEW.id, 'abort_requested'::procrastinate_job_event_type);
    RETURN NEW;
END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_trigger_function_scheduled_events_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type, at)
        VALUES (NEW.id, 'scheduled'::procrastinate_job_event_type, NEW.scheduled_at);

	RETURN NEW;
END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_trigger_function_status_events_insert_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type)
        VALUES (NEW.id, 'deferred'::procrastinate_job_event_type);
	RETURN NEW;
END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_trigger_function_status_events_update_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH t AS (
        SELECT CASE
            WHEN OLD.status = 'todo'::procrastinate_job_status
                AND NEW.status = 'doing'::procrastinate_job_status
                THEN 'started'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'todo'::procrastinate_job_status
                THEN 'deferred_for_retry'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'failed'::procrastinate_job_status
                THEN 'failed'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'succeeded'::procrastinate_job_status
                THEN 'succeeded'::procrastinate_job_event_type
            WHEN OLD.status = 'todo'::procrastinate_job_status
                AND (
                    NEW.status = 'cancelled'::procrastinate_job_status
                    OR NEW.status = 'failed'::procrastinate_job_status
                    OR NEW.status = 'succeeded'::procrastinate_job_status
                )
                THEN 'cancelled'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'aborted'::procrastinate_job_status
                THEN 'aborted'::procrastinate_job_event_type
            WHEN OLD.status = 'failed'::procrastinate_job_status
                AND NEW.status = 'todo'::procrastinate_job_status
                THEN 'retried'::procrastinate_job_event_type
            ELSE NULL
        END as event_type
    )
    INSERT INTO procrastinate_events(job_id, type)
        SELECT NEW.id, t.event_type
        FROM t
        WHERE t.event_type IS NOT NULL;
	RETURN NEW;
END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_unlink_periodic_defers_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE procrastinate_periodic_defers
    SET job_id = NULL
    WHERE job_id = OLD.id;
    RETURN OLD;
END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_unregister_worker_v1(worker_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM procrastinate_workers
    WHERE id = worker_id;
END;
$$;

CREATE FUNCTION sbh_queue.procrastinate_update_heartbeat_v1(worker_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE procrastinate_workers
    SET last_heartbeat = NOW()
    WHERE id = worker_id;
END;
$$;

CREATE TABLE public.sbh_alert (
    tenant character varying(200) NOT NULL,
    plugin character varying(200) NOT NULL,
    job character varying(200) NOT NULL,
    fails boolean NOT NULL,
    is_late boolean NOT NULL,
    seen_at bigint NOT NULL,
    ok_at bigint NOT NULL
);

CREATE TABLE public.sbh_job_mark (
    tenant character varying(200) NOT NULL,
    plugin character varying(200) NOT NULL,
    job character varying(200) NOT NULL,
    schedule character varying(300) NOT NULL,
    planned_to bigint NOT NULL,
    forgotten bigint NOT NULL,
    forgotten_to bigint NOT NULL
);

CREATE TABLE public.sbh_job_run (
    tenant character varying(200) NOT NULL,
    plugin character varying(200) NOT NULL,
    job character varying(200) NOT NULL,
    fire_time bigint NOT NULL,
    attempt integer NOT NULL,
    state character varying(10) NOT NULL,
    worker character varying(200),
    planned_at bigint NOT NULL,
    not_before bigint,
    retry_after bigint,
    started_at bigint,
    finished_at bigint,
    outcome character varying(20),
    reason text,
    record text,
    note text,
    is_cut boolean NOT NULL,
    asked_by character varying(200),
    backfilled_by character varying(200),
    cancelled_by character varying(200),
    version character varying(200),
    offered_at bigint
);

CREATE TABLE public.sbh_life (
    worker character varying(200) NOT NULL,
    started_at bigint NOT NULL,
    alive_at bigint NOT NULL
);

CREATE TABLE public.sbh_package (
    digest character varying(64) NOT NULL,
    data bytea NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE public.sbh_pause (
    tenant character varying(200) NOT NULL,
    plugin character varying(200) NOT NULL,
    job character varying(200) NOT NULL,
    paused_at bigint NOT NULL,
    paused_by character varying(200) NOT NULL,
    resumed_at bigint,
    resumed_by character varying(200)
);

CREATE TABLE public.sbh_plugin (
    tenant character varying(200) NOT NULL,
    plugin character varying(200) NOT NULL,
    path text NOT NULL,
    is_uploaded boolean NOT NULL,
    created_at bigint NOT NULL,
    disabled_at bigint,
    disabled_by character varying(200),
    package character varying(64)
);

CREATE TABLE public.sbh_secret (
    tenant character varying(200) NOT NULL,
    plugin character varying(200) NOT NULL,
    name character varying(200) NOT NULL,
    value text NOT NULL,
    changed_at bigint NOT NULL
);

CREATE TABLE public.sbh_store (
    version integer NOT NULL
);

CREATE SEQUENCE public.sbh_store_version_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.sbh_store_version_seq OWNED BY public.sbh_store.version;

CREATE TABLE public.sbh_tenant (
    tenant character varying(200) NOT NULL,
    settings text NOT NULL,
    changed_at bigint NOT NULL
);

CREATE TABLE public.sbh_token (
    name character varying(200) NOT NULL,
    role character varying(20) NOT NULL,
    tenant character varying(200),
    digest character varying(64) NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE sbh_queue.applied (
    name text NOT NULL
);

CREATE TABLE sbh_queue.procrastinate_events (
    id bigint NOT NULL,
    job_id bigint NOT NULL,
    type sbh_queue.procrastinate_job_event_type,
    at timestamp with time zone DEFAULT now()
);

CREATE SEQUENCE sbh_queue.procrastinate_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE sbh_queue.procrastinate_events_id_seq OWNED BY sbh_queue.procrastinate_events.id;

CREATE SEQUENCE sbh_queue.procrastinate_jobs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE sbh_queue.procrastinate_jobs_id_seq OWNED BY sbh_queue.procrastinate_jobs.id;

CREATE TABLE sbh_queue.procrastinate_periodic_defers (
    id bigint NOT NULL,
    task_name character varying(128) NOT NULL,
    defer_timestamp bigint,
    job_id bigint,
    periodic_id character varying(128) DEFAULT ''::character varying NOT NULL
);

CREATE SEQUENCE sbh_queue.procrastinate_periodic_defers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE sbh_queue.procrastinate_periodic_defers_id_seq OWNED BY sbh_queue.procrastinate_periodic_defers.id;

CREATE TABLE sbh_queue.procrastinate_workers (
    id bigint NOT NULL,
    last_heartbeat timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE sbh_queue.procrastinate_workers ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME sbh_queue.procrastinate_workers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.sbh_store ALTER COLUMN version SET DEFAULT nextval('public.sbh_store_version_seq'::regclass);

ALTER TABLE ONLY sbh_queue.procrastinate_events ALTER COLUMN id SET DEFAULT nextval('sbh_queue.procrastinate_events_id_seq'::regclass);

ALTER TABLE ONLY sbh_queue.procrastinate_jobs ALTER COLUMN id SET DEFAULT nextval('sbh_queue.procrastinate_jobs_id_seq'::regclass);

ALTER TABLE ONLY sbh_queue.procrastinate_periodic_defers ALTER COLUMN id SET DEFAULT nextval('sbh_queue.procrastinate_periodic_defers_id_seq'::regclass);

INSERT INTO public.sbh_job_mark VALUES ('acme', 'shop', 'every_minute', '* * * * * UTC', 1795775350545800, 0, 0);
INSERT INTO public.sbh_job_mark VALUES ('acme', 'shop', 'quick', ' UTC', 1795775350545800, 0, 0);
INSERT INTO public.sbh_job_mark VALUES ('acme', 'shop', 'slow', ' UTC', 1795775350545800, 0, 0);

INSERT INTO public.sbh_job_run VALUES ('acme', 'shop', 'every_minute', 1795775280000000, 1, 'due', NULL, 1795775257946271, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, 1795775257946271);
INSERT INTO public.sbh_job_run VALUES ('acme', 'shop', 'every_minute', 1795775340000000, 1, 'due', NULL, 1795775257946271, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, 1795775257946271);
INSERT INTO public.sbh_job_run VALUES ('acme', 'shop', 'quick', 1795775259290028, 1, 'ended', 'db1/1:boot:28875:257674', 1795775259290028, NULL, NULL, 1795775259618222, 1795775259637744, 'ok', 'by hand (first)', '{"tenant": "acme", "plugin": "shop", "job": "quick", "attempt": 1, "reason": "by hand (first)", "stdout": "on my way\n", "stderr": "", "rows_read": 0, "expected": null, "fire_time": "2026-11-27T10:27:39.290028+00:00", "started_at": "2026-11-27T10:27:39.620095+00:00", "duration": 0.000304, "outcome": "ok", "verdict": "ok", "ok": true, "value": {"pid": 28902}, "error": null, "logs": [], "secrets_set": [], "injected_faults": [], "troubles": [], "repeated": null, "memory_mb": 0.0, "events": [], "http_calls": [], "llm_calls": [], "files": [], "faults": []}', NULL, false, 'first', NULL, NULL, '0.0.0 (d9c35181)', 1795775259290028);
INSERT INTO public.sbh_job_run VALUES ('acme', 'shop', 'quick', 1795775259744627, 1, 'ended', 'db1/1:boot:28875:257674', 1795775259744627, NULL, NULL, 1795775259861054, 1795775259881302, 'ok', 'by hand (first)', '{"tenant": "acme", "plugin": "shop", "job": "quick", "attempt": 1, "reason": "by hand (first)", "stdout": "on my way\n", "stderr": "", "rows_read": 0, "expected": null, "fire_time": "2026-11-27T10:27:39.744627+00:00", "started_at": "2026-11-27T10:27:39.862241+00:00", "duration": 0.00023, "outcome": "ok", "verdict": "ok", "ok": true, "value": {"pid": 28907}, "error": null, "logs": [], "secrets_set": [], "injected_faults": [], "troubles": [], "repeated": null, "memory_mb": 55.566, "events": [], "http_calls": [], "llm_calls": [], "files": [], "faults": []}', NULL, false, 'first', NULL, NULL, '0.0.0 (d9c35181)', 1795775259744627);

INSERT INTO public.sbh_life VALUES ('db1/1:boot:28875:257674', 1795775259238593, 1795775259238593);
INSERT INTO public.sbh_life VALUES ('db1/1:boot:28806:257511', 1795775257936954, 1795775260543083);

INSERT INTO public.sbh_package VALUES ('d9c351810fa585af0ca104e917f9d74236bc202a901dbdee6bff86c6bea3349d', '\x504b030414000000000000002100f1c8b099f4010000f4010000070000006d61696e2e70790a696d706f7274206f732c2074696d650a66726f6d207372632e6578742e73646b20696d706f7274206a6f620a0a646566206e6f7465286374782c2077686174293a0a2020202077697468206f70656e286374782e736563726574732e67657428224e4f54455322292c20226122292061732066696c653a0a202020202020202066696c652e77726974652866227b776861747d5c6e22290a0a406a6f62282265766572795f6d696e757465222c207363686564756c653d222a202a202a202a202a22290a6465662065766572795f6d696e75746528637478293a0a202020206e6f7465286374782c20226d696e75746522290a0a406a6f622822717569636b222c207363686564756c653d4e6f6e65290a64656620717569636b28637478293a0a202020207072696e7428226f6e206d792077617922290a2020202072657475726e207b22706964223a206f732e6765747070696428297d0a0a406a6f622822736c6f77222c207363686564756c653d4e6f6e65290a64656620736c6f7728637478293a0a202020206e6f7465286374782c2022736c6f7720626567616e22290a202020207768696c6520547275653a0a20202020202020206e6f7465286374782c206622616c697665207b74696d652e74696d6528297d22290a202020202020202074696d652e736c65657028302e32290a504b030414000000000000002100a88ba61f20000000200000000b000000706c7567696e2e6a736f6e7b22736c7567223a202273686f70222c20226e616d65223a202253686f70227d504b0102140314000000000000002100f1c8b099f4010000f40100000700000000000000000000008001000000006d61696e2e7079504b0102140314000000000000002100a88ba61f20000000200000000b0000000000000000000000800119020000706c7567696e2e6a736f6e504b050600000000020002006e000000620200000000', 1795775257069626);

INSERT INTO public.sbh_plugin VALUES ('acme', 'shop', 'shop', false, 1795775257067443, NULL, NULL, 'd9c351810fa585af0ca104e917f9d74236bc202a901dbdee6bff86c6bea3349d');

INSERT INTO public.sbh_store VALUES (3);

INSERT INTO public.sbh_tenant VALUES ('acme', 'id = "acme"
secrets = ["env:ACME_"]
[limits]
seconds = 120
', 1795775257065477);

INSERT INTO public.sbh_token VALUES ('first', 'operate', NULL, 'b0306b715b725033a88d9a348bb1e80969c9267c89688cb5fca41e27b5a119ab', 1795775257062163);

INSERT INTO sbh_queue.applied VALUES ('03.04.00_50_post_add_retry_failed_job_procedure.sql');

INSERT INTO sbh_queue.procrastinate_events VALUES (1, 1, 'scheduled', '2026-11-27 10:28:00+00');
INSERT INTO sbh_queue.procrastinate_events VALUES (2, 1, 'deferred', '2026-11-27 10:27:37.946226+00');
INSERT INTO sbh_queue.procrastinate_events VALUES (3, 2, 'scheduled', '2026-11-27 10:29:00+00');
INSERT INTO sbh_queue.procrastinate_events VALUES (4, 2, 'deferred', '2026-11-27 10:27:37.946226+00');

INSERT INTO sbh_queue.procrastinate_jobs VALUES (1, 'runs', 'runs', 0, NULL, NULL, '{"row": "[\"acme\", \"shop\", \"every_minute\", 1795775280000000]"}', 'todo', '2026-11-27 10:28:00+00', 0, false, NULL);
INSERT INTO sbh_queue.procrastinate_jobs VALUES (2, 'runs', 'runs', 0, NULL, NULL, '{"row": "[\"acme\", \"shop\", \"every_minute\", 1795775340000000]"}', 'todo', '2026-11-27 10:29:00+00', 0, false, NULL);

INSERT INTO sbh_queue.procrastinate_periodic_defers VALUES (2, 'ticks', 1795775260, NULL, '');

SELECT pg_catalog.setval('public.sbh_store_version_seq', 1, false);

SELECT pg_catalog.setval('sbh_queue.procrastinate_events_id_seq', 14, true);

SELECT pg_catalog.setval('sbh_queue.procrastinate_jobs_id_seq', 6, true);

SELECT pg_catalog.setval('sbh_queue.procrastinate_periodic_defers_id_seq', 2, true);

SELECT pg_catalog.setval('sbh_queue.procrastinate_workers_id_seq', 2, true);

ALTER TABLE ONLY public.sbh_alert
    ADD CONSTRAINT sbh_alert_pkey PRIMARY KEY (tenant, plugin, job);

ALTER TABLE ONLY public.sbh_job_mark
    ADD CONSTRAINT sbh_job_mark_pkey PRIMARY KEY (tenant, plugin, job);

ALTER TABLE ONLY public.sbh_job_run
    ADD CONSTRAINT sbh_job_run_pkey PRIMARY KEY (tenant, plugin, job, fire_time, attempt);

ALTER TABLE ONLY public.sbh_life
    ADD CONSTRAINT sbh_life_pkey PRIMARY KEY (worker, started_at);

ALTER TABLE ONLY public.sbh_package
    ADD CONSTRAINT sbh_package_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY public.sbh_pause
    ADD CONSTRAINT sbh_pause_pkey PRIMARY KEY (tenant, plugin, job, paused_at);

ALTER TABLE ONLY public.sbh_plugin
    ADD CONSTRAINT sbh_plugin_pkey PRIMARY KEY (tenant, plugin);

ALTER TABLE ONLY public.sbh_secret
    ADD CONSTRAINT sbh_secret_pkey PRIMARY KEY (tenant, plugin, name);

ALTER TABLE ONLY public.sbh_store
    ADD CONSTRAINT sbh_store_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.sbh_tenant
    ADD CONSTRAINT sbh_tenant_pkey PRIMARY KEY (tenant);

ALTER TABLE ONLY public.sbh_token
    ADD CONSTRAINT sbh_token_pkey PRIMARY KEY (name);

ALTER TABLE ONLY sbh_queue.applied
    ADD CONSTRAINT applied_pkey PRIMARY KEY (name);

ALTER TABLE ONLY sbh_queue.procrastinate_events
    ADD CONSTRAINT procrastinate_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY sbh_queue.procrastinate_jobs
    ADD CONSTRAINT procrastinate_jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY sbh_queue.procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY sbh_queue.procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_unique UNIQUE (task_name, periodic_id, defer_timestamp);

ALTER TABLE ONLY sbh_queue.procrastinate_workers
    ADD CONSTRAINT procrastinate_workers_pkey PRIMARY KEY (id);

CREATE INDEX sbh_job_run_finished ON public.sbh_job_run USING btree (tenant, finished_at);

CREATE INDEX sbh_job_run_open ON public.sbh_job_run USING btree (tenant, plugin, job, state, fire_time);

CREATE INDEX sbh_job_run_state ON public.sbh_job_run USING btree (state, fire_time);

CREATE INDEX sbh_job_run_unoffered ON public.sbh_job_run USING btree (fire_time) WHERE ((offered_at IS NULL) AND ((state)::text = ANY ((ARRAY['due'::character varying, 'waiting'::character varying, 'backfill'::character varying, 'retry'::character varying])::text[])));

CREATE INDEX idx_procrastinate_jobs_worker_not_null ON sbh_queue.procrastinate_jobs USING btree (worker_id) WHERE ((worker_id IS NOT NULL) AND (status = 'doing'::sbh_queue.procrastinate_job_status));

CREATE INDEX idx_procrastinate_workers_last_heartbeat ON sbh_queue.procrastinate_workers USING btree (last_heartbeat);

CREATE INDEX procrastinate_events_job_id_fkey_v1 ON sbh_queue.procrastinate_events USING btree (job_id);

CREATE INDEX procrastinate_jobs_id_lock_idx_v1 ON sbh_queue.procrastinate_jobs USING btree (id, lock) WHERE (status = ANY (ARRAY['todo'::sbh_queue.procrastinate_job_status, 'doing'::sbh_queue.procrastinate_job_status]));

CREATE UNIQUE INDEX procrastinate_jobs_lock_idx_v1 ON sbh_queue.procrastinate_jobs USING btree (lock) WHERE (status = 'doing'::sbh_queue.procrastinate_job_status);

CREATE INDEX procrastinate_jobs_priority_idx_v1 ON sbh_queue.procrastinate_jobs USING btree (priority DESC, id) WHERE (status = 'todo'::sbh_queue.procrastinate_job_status);

CREATE INDEX procrastinate_jobs_queue_name_idx_v1 ON sbh_queue.procrastinate_jobs USING btree (queue_name);

CREATE UNIQUE INDEX procrastinate_jobs_queueing_lock_idx_v1 ON sbh_queue.procrastinate_jobs USING btree (queueing_lock) WHERE (status = 'todo'::sbh_queue.procrastinate_job_status);

CREATE INDEX procrastinate_periodic_defers_job_id_fkey_v1 ON sbh_queue.procrastinate_periodic_defers USING btree (job_id);

CREATE TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1 AFTER UPDATE OF abort_requested ON sbh_queue.procrastinate_jobs FOR EACH ROW WHEN (((old.abort_requested = false) AND (new.abort_requested = true) AND (new.status = 'doing'::sbh_queue.procrastinate_job_status))) EXECUTE FUNCTION sbh_queue.procrastinate_notify_queue_abort_job_v1();

CREATE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 AFTER INSERT ON sbh_queue.procrastinate_jobs FOR EACH ROW WHEN ((new.status = 'todo'::sbh_queue.procrastinate_job_status)) EXECUTE FUNCTION sbh_queue.procrastinate_notify_queue_job_inserted_v1();

CREATE TRIGGER procrastinate_trigger_abort_requested_events_v1 AFTER UPDATE OF abort_requested ON sbh_queue.procrastinate_jobs FOR EACH ROW WHEN ((new.abort_requested = true)) EXECUTE FUNCTION sbh_queue.procrastinate_trigger_abort_requested_events_procedure_v1();

CREATE TRIGGER procrastinate_trigger_delete_jobs_v1 BEFORE DELETE ON sbh_queue.procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION sbh_queue.procrastinate_unlink_periodic_defers_v1();

CREATE TRIGGER procrastinate_trigger_scheduled_events_v1 AFTER INSERT OR UPDATE ON sbh_queue.procrastinate_jobs FOR EACH ROW WHEN (((new.scheduled_at IS NOT NULL) AND (new.status = 'todo'::sbh_queue.procrastinate_job_status))) EXECUTE FUNCTION sbh_queue.procrastinate_trigger_function_scheduled_events_v1();

CREATE TRIGGER procrastinate_trigger_status_events_insert_v1 AFTER INSERT ON sbh_queue.procrastinate_jobs FOR EACH ROW WHEN ((new.status = 'todo'::sbh_queue.procrastinate_job_status)) EXECUTE FUNCTION sbh_queue.procrastinate_trigger_function_status_events_insert_v1();

CREATE TRIGGER procrastinate_trigger_status_events_update_v1 AFTER UPDATE OF status ON sbh_queue.procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION sbh_queue.procrastinate_trigger_function_status_events_update_v1();

ALTER TABLE ONLY sbh_queue.procrastinate_events
    ADD CONSTRAINT procrastinate_events_job_id_fkey FOREIGN KEY (job_id) REFERENCES sbh_queue.procrastinate_jobs(id) ON DELETE CASCADE;

ALTER TABLE ONLY sbh_queue.procrastinate_jobs
    ADD CONSTRAINT procrastinate_jobs_worker_id_fkey FOREIGN KEY (worker_id) REFERENCES sbh_queue.procrastinate_workers(id) ON DELETE SET NULL;

ALTER TABLE ONLY sbh_queue.procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_job_id_fkey FOREIGN KEY (job_id) REFERENCES sbh_queue.procrastinate_jobs(id);

