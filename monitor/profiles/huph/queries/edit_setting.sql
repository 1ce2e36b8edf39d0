-- Edits the setting $1 to the value $2, by the function of sql/edit_setting.sql, which the role of the monitor's edits alone may
-- call. $3 is the version that was seen ($4 the value, where there is no version), $5 the actor and $6 the id of a user,
-- $7 the reason, $8 the address, $9 the number of the request, $10 whether the profile holds the setting for a secret.
select outcome,
       version,
       date_part('epoch', changed_at)::float8 as changed_at,
       changed_by,
       value,
       configured
from huph_monitor_edit_setting(
    $1::text, $2::text, $3::int8, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text, $10::bool
)
