-- How many deliveries refer to the attempt: with the last of them it goes.
alter table attempt add column members integer not null default 0;
update attempt set members = referred.members
    from (
        select attempt, count(*) as members
        from (
            select attempt from delivery where attempt is not null
            union all select attempt from attempt_before
        )
        group by attempt
    ) as referred
    where attempt.seq = referred.attempt;
