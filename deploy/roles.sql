-- One role for each service, which may use its own schema and nothing else, and one that owns them
-- all and migrates. As the database's owner, once before the first migration:
--   psql -v ON_ERROR_STOP=1 -d touchback -f deploy/roles.sql
-- then give each a password (`\password touchback_listen`). Again after a restore; it changes nothing
-- that is right already. Roles that migrated before hand over first:
--   reassign owned by touchback to touchback_migrate;
do $$
declare
    here    text := quote_ident(current_database());
    service text;
    role    text;
begin
    if to_regrole('touchback_migrate') is null then
        create role touchback_migrate login;
    end if;
    execute format('grant touchback_migrate to %I', current_user);
    execute format('revoke all on database %s from public', here);
    execute format('grant connect, create on database %s to touchback_migrate', here);
    foreach service in array array['listen', 'ask', 'collect', 'route', 'close', 'console'] loop
        role := 'touchback_' || service;
        if to_regrole(role) is null then
            execute format('create role %I login', role);
        end if;
        execute format('grant connect on database %s to %I', here, role);
        execute format('create schema if not exists %I authorization touchback_migrate', service);
        execute format('grant usage on schema %I to %I', service, role);
        execute format('grant select, insert, update, delete on all tables in schema %I to %I', service, role);
        execute format('alter default privileges for role touchback_migrate in schema %I'
                       ' grant select, insert, update, delete on tables to %I', service, role);
        -- What every connection asks for anyway, for a pooler that passes nothing on.
        execute format('alter role %I in database %s set search_path = %I', role, here, service);
        execute format('alter role %I in database %s set plan_cache_mode = force_custom_plan', role, here);
        execute format('alter role %I in database %s set timezone = ''UTC''', role, here);
    end loop;
end $$;
