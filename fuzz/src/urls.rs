//! URLs of settings and of components.

use campanile::capability::egress::Origin;
use campanile::capability::secrets::Place;
use url::Url;

use crate::ITERATIONS;

#[test]
fn an_origin_has_one_normal_form() {
    bolero::check!().with_iterations(ITERATIONS).with_max_len(256).for_each(|text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        for url in [text.as_ref(), &format!("https://{text}")] {
            let Ok(url) = Url::parse(url) else { continue };
            let Ok(origin) = Origin::of(&url) else { continue };
            let written = origin.to_string();
            let again = Url::parse(&written).ok().and_then(|url| Origin::of(&url).ok());
            assert_eq!(again.as_ref(), Some(&origin), "{written}");
            assert!(!written.contains(['@', '\\', ' ', '\n']), "{written}");
        }
    });
}

#[test]
fn a_place_reads_back_as_it_was_written() {
    bolero::check!().with_iterations(ITERATIONS).with_max_len(64).for_each(|text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        if let Ok(place) = text.parse::<Place>() {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
    });
}
