//! `RENAMEFIELDS`, `DROPFIELDS`, `KEEPFIELDS` and `FLATTEN`.

use super::super::diagnostics::Findings;
use super::super::file::mirror;
use super::{Item, list_of_names, map_of_texts, name_of, require};
use crate::process::Name;
use crate::process::steps::{DropFields, Flatten, KeepFields, RenameFields, Step};

mirror! {
    /// The keys of RENAMEFIELDS, DROPFIELDS and KEEPFIELDS.
    FieldsFile {
        fields: "fields" own,
    }

    /// The keys of ADDFIELDS.
    AddFieldsFile {
        fields: "fields" own,
        overwrite: "overwrite" own,
    }

    /// The keys of FLATTEN.
    FlattenFile {
        separator: "separator" own,
    }
}

type Built = Option<Box<dyn Step>>;

pub(super) fn rename(item: Item<'_>, findings: &mut Findings<'_>) -> Built {
    let slot = FieldsFile::of(item.entries).fields;
    require(item, slot, findings, "write {\"old\": \"new\"}");
    let fields = map_of_texts(slot, findings)?.into_iter();
    let fields = fields.map(|(from, to, _)| (from.to_owned(), Name::new(to))).collect();
    Some(Box::new(RenameFields { fields }))
}

pub(super) fn drop(item: Item<'_>, findings: &mut Findings<'_>) -> Built {
    let slot = FieldsFile::of(item.entries).fields;
    require(item, slot, findings, "list the members that are to go");
    Some(Box::new(DropFields { fields: list_of_names(slot, findings)? }))
}

pub(super) fn keep(item: Item<'_>, findings: &mut Findings<'_>) -> Built {
    let slot = FieldsFile::of(item.entries).fields;
    require(item, slot, findings, "list the members that are to stay");
    Some(Box::new(KeepFields { fields: list_of_names(slot, findings)? }))
}

#[expect(clippy::unnecessary_wraps, reason = "every kind is built alike")]
pub(super) fn flatten(item: Item<'_>, findings: &mut Findings<'_>) -> Built {
    let slot = FlattenFile::of(item.entries).separator;
    let separator = name_of(slot, findings).unwrap_or_else(|| Name::new("_"));
    Some(Box::new(Flatten { separator }))
}
