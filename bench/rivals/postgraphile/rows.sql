-- What PostGraphile's documentation asks for where people see different rows: a role without rights but these, and
-- row-level security on what it reads. A bill's branch decides, as in (a); its lines and payments are reached through it.
create role bench_reader nologin;
grant bench_reader to current_user;
grant select on all tables in schema public to bench_reader;
alter table bills enable row level security;
create policy anything on bills to salonos_app using (true);
create policy own_branches on bills for select to bench_reader using (
    (select current_setting('bench.everywhere')::boolean)
    or branch_id = any ((select current_setting('bench.branch_ids'))::uuid[])
);
