//! Figures with their names, in an order.

use serde::{Serialize, Serializer};

/// What a figure's value is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Figure {
    /// Words.
    Text(String),
    /// A number.
    Count(u64),
    /// A share, 0 to 1.
    Share(f64),
}

/// Figures by their names; written as a map in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named(pub Vec<(&'static str, Figure)>);

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, figure)| (name, figure)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Figure, Named};

    #[test]
    fn figures_are_a_map_in_their_order() {
        let all =
            Named(vec![("b", Figure::Count(1)), ("a", Figure::Text("x".into())), ("c", Figure::Share(0.5))]);
        assert_eq!(serde_json::to_string(&all).expect("it is written"), r#"{"b":1,"a":"x","c":0.5}"#);
    }
}
