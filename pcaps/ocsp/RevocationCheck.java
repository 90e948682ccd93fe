// A PKIX path validation with OCSP (with CRLs after --crls, and then of the leaf alone).
// Arguments: the trust anchor's PEM, then the chain's PEMs, leaf first.
import java.io.FileInputStream;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

public class RevocationCheck {
    static X509Certificate load(String path) throws Exception {
        try (FileInputStream in = new FileInputStream(path)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    public static void main(String[] words) throws Exception {
        boolean crls = words[0].equals("--crls");
        String[] args = Arrays.copyOfRange(words, crls ? 1 : 0, words.length);
        List<X509Certificate> chain = new ArrayList<>();
        for (int i = 1; i < args.length; i++) {
            chain.add(load(args[i]));
        }
        CertPath path = CertificateFactory.getInstance("X.509").generateCertPath(chain);
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
        EnumSet<PKIXRevocationChecker.Option> options = EnumSet.of(PKIXRevocationChecker.Option.NO_FALLBACK);
        if (crls) {
            options.add(PKIXRevocationChecker.Option.PREFER_CRLS);
            options.add(PKIXRevocationChecker.Option.ONLY_END_ENTITY);
        }
        checker.setOptions(options);
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(load(args[0]), null)));
        parameters.addCertPathChecker(checker);
        try {
            validator.validate(path, parameters);
            System.out.println("valid");
        } catch (CertPathValidatorException refused) {
            System.out.println("refused: " + refused.getReason());
        }
    }
}
