-- Many runs that have ended, one a minute for each job, up to an instant.
INSERT INTO sbh_job_run (tenant, plugin, job, fire_time, attempt, state, worker, planned_at,
                         started_at, finished_at, outcome, is_cut, offered_at)
SELECT 'tenant' || number % 20, 'plugin' || number % 50, 'job' || number % :jobs, fire, 1, 'ended', 'gone',
       fire, fire, fire + 1000000, 'ok', false, fire
FROM generate_series(0, :rows - 1) AS number,
     LATERAL (SELECT :last - CAST(number / :jobs AS bigint) * 60000000 AS fire) AS made
