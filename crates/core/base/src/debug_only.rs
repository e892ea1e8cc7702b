//! `Debug` of types that hold secrets, or what has no `Debug`, such as functions.

/// Implements `Debug` for a type that shows these fields, and no others.
///
/// ```
/// struct Keys {
///     id: u8,
///     secret: String,
/// }
/// kinetail_base::debug_only!(Keys { id });
/// let keys = Keys { id: 1, secret: "x".to_owned() };
/// assert_eq!(format!("{keys:?}"), "Keys { id: 1, .. }");
/// # assert_eq!(keys.secret, "x");
/// ```
#[macro_export]
macro_rules! debug_only {
    ($name:ident $(<$life:lifetime>)? { $($field:ident),* }) => {
        impl std::fmt::Debug for $name $(<$life>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = f.debug_struct(stringify!($name));
                $(shown.field(stringify!($field), &self.$field);)*
                shown.finish_non_exhaustive()
            }
        }
    };
}
