-- Statements that take over a second on average; only where the extension pg_stat_statements is installed.
select count(*) as slow_statements from pg_stat_statements(false) where mean_exec_time > 1000
