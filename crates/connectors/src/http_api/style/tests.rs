use domain::tool::Location;
use serde_json::json;

use super::*;

fn parameter(style: Style, explode: bool) -> Parameter {
    Parameter {
        argument: "color".to_owned(),
        name: "color".to_owned(),
        location: Location::Query,
        style,
        explode,
        allow_reserved: false,
        json: false,
    }
}

fn query(parameter: &Parameter, value: &Value) -> String {
    pairs(parameter, value)
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect::<Vec<_>>()
        .join("&")
}

/// The values of the specification's table: empty, string, array, object.
fn values() -> [Value; 4] {
    [
        json!(""),
        json!("blue"),
        json!(["blue", "black", "brown"]),
        json!({"R": 100, "G": 200, "B": 150}),
    ]
}

#[test]
fn a_whole_number_is_written_without_a_fraction() {
    let table = [
        (json!(1.0), "1"),
        (json!(-0.0), "0"),
        (json!(1e2), "100"),
        (json!(1.5), "1.5"),
        (json!(-9_007_199_254_740_992.0), "-9007199254740992"),
        (json!(u64::MAX), "18446744073709551615"),
    ];
    for (value, expected) in table {
        assert_eq!(text(&value), expected);
    }
}

#[test]
fn path_styles_write_what_the_table_of_the_specification_says() {
    let table = [
        (
            Style::Matrix,
            false,
            [
                ";color",
                ";color=blue",
                ";color=blue,black,brown",
                ";color=R,100,G,200,B,150",
            ],
        ),
        (
            Style::Matrix,
            true,
            [
                ";color",
                ";color=blue",
                ";color=blue;color=black;color=brown",
                ";R=100;G=200;B=150",
            ],
        ),
        (
            Style::Label,
            false,
            [".", ".blue", ".blue,black,brown", ".R,100,G,200,B,150"],
        ),
        (
            Style::Label,
            true,
            [".", ".blue", ".blue.black.brown", ".R=100.G=200.B=150"],
        ),
        (
            Style::Simple,
            false,
            ["", "blue", "blue,black,brown", "R,100,G,200,B,150"],
        ),
        (
            Style::Simple,
            true,
            ["", "blue", "blue,black,brown", "R=100,G=200,B=150"],
        ),
    ];
    for (style, explode, expected) in table {
        for (value, expected) in values().iter().zip(expected) {
            let written = in_path(&parameter(style, explode), value);
            assert_eq!(written.as_deref(), Some(expected), "{style:?} {explode} {value}");
        }
    }
}

#[test]
fn query_styles_write_what_the_table_of_the_specification_says() {
    let table = [
        (
            Style::Form,
            false,
            [
                "color=",
                "color=blue",
                "color=blue,black,brown",
                "color=R,100,G,200,B,150",
            ],
        ),
        (
            Style::Form,
            true,
            [
                "color=",
                "color=blue",
                "color=blue&color=black&color=brown",
                "R=100&G=200&B=150",
            ],
        ),
        (
            Style::SpaceDelimited,
            false,
            [
                "color=",
                "color=blue",
                "color=blue%20black%20brown",
                "color=R%20100%20G%20200%20B%20150",
            ],
        ),
        (
            Style::PipeDelimited,
            false,
            [
                "color=",
                "color=blue",
                "color=blue%7Cblack%7Cbrown",
                "color=R%7C100%7CG%7C200%7CB%7C150",
            ],
        ),
        (
            Style::DeepObject,
            true,
            [
                "color=",
                "color=blue",
                "color%5B0%5D=blue&color%5B1%5D=black&color%5B2%5D=brown",
                "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150",
            ],
        ),
    ];
    for (style, explode, expected) in table {
        for (value, expected) in values().iter().zip(expected) {
            assert_eq!(
                query(&parameter(style, explode), value),
                expected,
                "{style:?} {explode} {value}"
            );
        }
    }
}

#[test]
fn a_value_cannot_become_more_than_a_value() {
    let hostile = json!("a/b?c#d&e=f;g,h%2e i+ü");
    let encoded = "a%2Fb%3Fc%23d%26e%3Df%3Bg%2Ch%252e%20i%2B%C3%BC";
    assert_eq!(
        in_path(&parameter(Style::Simple, false), &hostile).unwrap(),
        encoded
    );
    assert_eq!(
        query(&parameter(Style::Form, true), &hostile),
        format!("color={encoded}")
    );
    assert_eq!(
        query(&parameter(Style::Form, false), &json!(["a,b", "c"])),
        "color=a%2Cb,c",
        "a comma inside an item is not a separator"
    );
}

#[test]
fn reserved_characters_stay_where_the_description_allows_them_but_cannot_add_parameters() {
    let parameter = Parameter {
        allow_reserved: true,
        ..parameter(Style::Form, false)
    };
    assert_eq!(
        query(&parameter, &json!("a/b:c?d=e,f;g%20h%zz")),
        "color=a/b:c?d=e,f;g%20h%25zz"
    );
    assert_eq!(
        query(&parameter, &json!("x&admin=1#y+z[0]")),
        "color=x%26admin=1%23y%2Bz%5B0%5D"
    );
}

#[test]
fn what_is_undefined_is_not_sent() {
    for value in [json!(null), json!([]), json!({})] {
        assert_eq!(query(&parameter(Style::Form, true), &value), "");
        assert_eq!(in_path(&parameter(Style::Simple, false), &value), None);
        assert_eq!(in_header(&parameter(Style::Simple, false), &value), None);
    }
}

#[test]
fn json_parameters_are_json_text() {
    let parameter = Parameter {
        json: true,
        ..parameter(Style::Form, true)
    };
    assert_eq!(
        query(&parameter, &json!({"a": [1]})),
        "color=%7B%22a%22%3A%5B1%5D%7D"
    );
    assert_eq!(query(&parameter, &json!([])), "color=%5B%5D");
}

#[test]
fn deep_objects_nest() {
    let value = json!({"price": {"gt": 1, "tags": ["a", "b"]}, "none": null});
    assert_eq!(
        query(&parameter(Style::DeepObject, true), &value),
        "color%5Bprice%5D%5Bgt%5D=1&color%5Bprice%5D%5Btags%5D%5B0%5D=a&color%5Bprice%5D%5Btags%5D%5B1%5D=b"
    );
}

#[test]
fn headers_are_simple_and_not_encoded() {
    let [_, text, list, object] = values();
    assert_eq!(
        in_header(&parameter(Style::Simple, false), &text).unwrap(),
        "blue"
    );
    assert_eq!(
        in_header(&parameter(Style::Simple, false), &list).unwrap(),
        "blue,black,brown"
    );
    assert_eq!(
        in_header(&parameter(Style::Simple, true), &object).unwrap(),
        "R=100,G=200,B=150"
    );
    assert_eq!(
        in_header(&parameter(Style::Simple, false), &json!("a b/c")).unwrap(),
        "a b/c"
    );
}
