-- Title and text in a recipient's own words.
alter table recipient add column templates text not null default '{}';
