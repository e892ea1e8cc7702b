//! Tests of `schema`.

use super::*;
use crate::checkpoint::Change;
use crate::checkpoint::mirror::tests::checkpoint;

fn database() -> (Connection, Mirror) {
    let conn = Connection::open_in_memory().unwrap();
    create(&conn).unwrap();
    let mut mirror = Mirror::default();
    mirror.apply(&"f".into(), vec![Change::Save(checkpoint(1, 10))], 77);
    for (flow, rows) in mirror.flows() {
        save_flow(&conn, flow, rows).unwrap();
        rows.rows.values().for_each(|row| save_row(&conn, flow, row, Extras::default()).unwrap());
    }
    (conn, mirror)
}

fn damage(conn: &Connection, sql: &str) -> String {
    assert_eq!(conn.execute(sql, []).unwrap(), 1, "{sql} hits one row");
    match read(conn) {
        Err(ReadError::Damaged(why)) => why,
        other => panic!("{sql} passed unnoticed: {other:?}"),
    }
}

#[test]
fn what_is_written_is_read_again() {
    let (conn, mirror) = database();
    assert_eq!(maker(&conn).unwrap(), Maker::Ours);
    assert_eq!(read(&conn).unwrap().flow("f"), mirror.flow("f"));
}

#[test]
fn a_changed_value_in_any_column_is_noticed() {
    for change in [
        "checkpoints SET flow = 'g'",
        "checkpoints SET file = 2",
        "checkpoints SET device = 1",
        "checkpoints SET inode = 1",
        "checkpoints SET path = x'2f'",
        "checkpoints SET head_len = 5",
        "checkpoints SET head_len = 100000",
        "checkpoints SET head_digest = zeroblob(16)",
        "checkpoints SET head_digest = x'00'",
        "checkpoints SET rotated = 1 - rotated",
        "checkpoints SET offset = 11",
        "checkpoints SET anchor = zeroblob(16)",
        "checkpoints SET updated_at = 0",
        "checkpoints SET row_digest = zeroblob(16)",
        "details SET file = 2",
        "details SET holes = x'0506'",
        "details SET places = x''",
        "details SET places = x'05'",
        "details SET row_digest = zeroblob(16)",
        "cursors SET cursor = 's=1;i=3'",
        "cursors SET file = 2",
        "cursors SET row_digest = zeroblob(16)",
        "real_paths SET path = x'2f'",
        "real_paths SET file = 2",
        "real_paths SET row_digest = zeroblob(16)",
        "flows SET flow = 'g'",
        "flows SET next_file_key = 1",
        "flows SET first_started_at = 0",
    ] {
        let (conn, _) = database();
        damage(&conn, &format!("UPDATE {change}"));
    }
}

#[test]
fn a_database_without_a_table_of_details_is_read_and_gets_one() {
    let (conn, mirror) = database();
    conn.execute_batch("DROP TABLE details; DROP TABLE cursors; DROP TABLE real_paths").unwrap();
    assert_eq!(maker(&conn).unwrap(), Maker::Ours);
    let mut known = read(&conn).unwrap();
    let row = known.flow_mut("f").unwrap().rows.values_mut().next().unwrap();
    assert!(row.checkpoint.holes.is_empty() && row.checkpoint.places.is_empty());
    assert_eq!((&row.checkpoint.cursor, &row.checkpoint.real), (&None, &None));
    complete(&conn).unwrap();
    save_everything(&conn, &mirror).unwrap();
    assert_eq!(read(&conn).unwrap().flow("f"), mirror.flow("f"));
}

#[test]
fn details_go_with_their_row_and_when_there_are_none() {
    let (conn, mut mirror) = database();
    let row = mirror.flow_mut("f").unwrap().rows.values_mut().next().unwrap();
    let (file, held) = (row.checkpoint.file, Extras::of(&row.checkpoint));
    row.checkpoint.holes = Holes::NONE;
    row.checkpoint.places.clear();
    row.checkpoint.real = None;
    save_row(&conn, "f", row, held).unwrap();
    assert_eq!(read(&conn).unwrap().flow("f"), mirror.flow("f"));
    row_is_gone(&conn, file);
}

#[test]
fn the_real_path_goes_with_its_row() {
    let (conn, mut mirror) = database();
    let row = mirror.flow_mut("f").unwrap().rows.values_mut().next().unwrap();
    assert!(row.checkpoint.real.is_some());
    row_is_gone(&conn, row.checkpoint.file);
}

fn row_is_gone(conn: &Connection, file: FileKey) {
    delete_row(conn, "f", file).unwrap();
    for table in ["details", "real_paths"] {
        let count = format!("SELECT count(*) FROM {table}");
        let left: i64 = conn.query_row(&count, [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "{table}");
    }
}

#[test]
fn a_row_without_its_flow_is_damage() {
    let (conn, _) = database();
    let why = damage(&conn, "DELETE FROM flows");
    assert!(why.contains("references unknown flow"), "{why}");
}

#[test]
fn a_header_that_disagrees_with_the_tables_is_damage_not_another_maker() {
    for (pragma, value) in [("application_id", 1), ("user_version", 9)] {
        let (conn, _) = database();
        conn.pragma_update(None, pragma, value).unwrap();
        assert!(matches!(maker(&conn), Err(ReadError::Damaged(_))), "{pragma}");
    }
    let (conn, _) = database();
    conn.execute("DELETE FROM kinetail_store", []).unwrap();
    assert!(matches!(maker(&conn), Err(ReadError::Damaged(_))));
    let (conn, _) = database();
    conn.execute("UPDATE kinetail_store SET schema_version = 0", []).unwrap();
    conn.pragma_update(None, "user_version", 0).unwrap();
    assert!(matches!(maker(&conn), Err(ReadError::Damaged(_))));
}

#[test]
fn other_makers_are_recognised() {
    let conn = Connection::open_in_memory().unwrap();
    assert_eq!(maker(&conn).unwrap(), Maker::Other);
    conn.execute_batch("create table if not exists FILE_CHECKPOINTS(flow text)").unwrap();
    assert_eq!(maker(&conn).unwrap(), Maker::JavaAgent);
    let (conn, _) = database();
    conn.execute("UPDATE kinetail_store SET schema_version = 2", []).unwrap();
    conn.pragma_update(None, "user_version", 2).unwrap();
    assert_eq!(maker(&conn).unwrap(), Maker::Newer(2));
}
