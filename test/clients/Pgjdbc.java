// What test/clients/pgjdbc.test.ts has pgjdbc do. Arguments: the JDBC URL.
import java.io.StringReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.postgresql.PGConnection;

public class Pgjdbc {
  public static void main(String[] arguments) throws Exception {
    try (Connection connection = DriverManager.getConnection(arguments[0])) {
      try (Statement statement = connection.createStatement()) {
        statement.execute("create temp table t (n int primary key, a text)");
      }
      // A batch: many executions before one Sync.
      try (PreparedStatement insert = connection.prepareStatement("insert into t values (?, ?)")) {
        for (int n = 0; n < 997; n++) {
          insert.setInt(1, n);
          insert.setString(2, "row " + n);
          insert.addBatch();
        }
        insert.executeBatch();
      }
      // The driver prepares by name from the fifth execution on.
      try (PreparedStatement select = connection.prepareStatement("select a from t where n = ?")) {
        for (int n = 0; n < 23; n++) {
          select.setInt(1, n);
          try (ResultSet rows = select.executeQuery()) {
            rows.next();
            System.out.println(rows.getString(1));
          }
        }
      }
      connection.setAutoCommit(false);
      try (PreparedStatement pieces = connection.prepareStatement("select n from t order by n")) {
        pieces.setFetchSize(100);
        int sum = 0;
        try (ResultSet rows = pieces.executeQuery()) {
          while (rows.next()) sum += rows.getInt(1);
        }
        System.out.println(sum);
      }
      connection.commit();
      connection.setAutoCommit(true);
      try (PreparedStatement twice = connection.prepareStatement("insert into t values (?, 'again')")) {
        for (int n = 996; n < 1003; n++) {
          twice.setInt(1, n);
          twice.addBatch();
        }
        twice.executeBatch();
      } catch (SQLException error) {
        System.out.println(error.getSQLState());
      }
      var copies = connection.unwrap(PGConnection.class).getCopyAPI();
      System.out.println(copies.copyIn("copy t from stdin", new StringReader("2000\ta\n2001\tb\n")));
    }
  }
}
