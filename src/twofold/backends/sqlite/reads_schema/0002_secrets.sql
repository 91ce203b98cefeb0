-- What signs the cursors of questions: random, made once, the same for every process that asks here.
create table twofold_secrets (
    name text primary key not null,
    secret blob not null
) strict, without rowid;

insert into twofold_secrets (name, secret) values ('cursors', randomblob(32));
