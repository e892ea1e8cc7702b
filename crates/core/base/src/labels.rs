//! Enums whose values have a text each, such as the values of a metric's label.

/// Declares an enum, and in the same line the text of each value: `ALL` has the values in their
/// order, `label` and `Display` say the text.
///
/// ```
/// kinetail_base::labels! {
///     /// Why something is late.
///     pub enum Late {
///         /// Others came before it.
///         Queue = "queue_full",
///         /// Nobody answers.
///         Answer = "no_answer",
///     }
/// }
/// assert_eq!(Late::ALL.map(Late::label), ["queue_full", "no_answer"]);
/// ```
#[macro_export]
macro_rules! labels {
    (
        $(#[$of_enum:meta])*
        $vis:vis enum $name:ident {
            $($(#[$of_value:meta])* $value:ident = $label:literal,)+
        }
    ) => {
        $(#[$of_enum])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        $vis enum $name {
            $($(#[$of_value])* $value,)+
        }

        impl $name {
            /// All of them.
            $vis const ALL: [Self; [$($label),+].len()] = [$(Self::$value),+];

            /// The text that stands for it.
            #[must_use]
            $vis const fn label(self) -> &'static str {
                match self {
                    $(Self::$value => $label,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.label())
            }
        }
    };
}
